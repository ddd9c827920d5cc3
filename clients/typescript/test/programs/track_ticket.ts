import { getTimeline } from "hms-oms-sdk";

const timeline = await getTimeline(process.argv[2] ?? "");
console.table(timeline);
