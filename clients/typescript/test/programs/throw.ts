/* A worker whose handler throws, with nothing said of errors: throw OWNER */
import { worker } from "hms-oms-sdk";

worker(process.argv[2] ?? "", () => {
  throw new Error("no such case");
});
