/*
 * A worker in a process of its own, for tests that end it: says what it does, and finishes a stage when
 * it is told to by a comment of the ticket, or never.
 */
import { getTimeline, worker } from "hms-oms-sdk";

const [owner = "", ...flags] = process.argv.slice(2);
const running = worker(owner, async ({ ticket, signal }) => {
  console.log(`began ${ticket}`);
  signal.addEventListener("abort", () => { console.log(`aborted ${(signal.reason as Error).name}`); });
  while (!(await getTimeline(ticket, { events: true })).some(({ note }) => note === "finish")) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { by: process.pid };
}, { graceSecs: flags.includes("impatient") ? 0 : 60 });
await running.finished;
console.log("stopped");
