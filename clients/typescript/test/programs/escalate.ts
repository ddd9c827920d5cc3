import { escalate } from "hms-oms-sdk";

await escalate(process.argv[2] ?? "", "underwrite", "no answer since yesterday");
