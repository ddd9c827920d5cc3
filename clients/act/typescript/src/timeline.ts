/*
 * Prints the timelines of the tickets it is given, every event of them: timeline TICKET...
 */
import { close, getTicket } from "hms-oms-sdk";

for (const ticket of process.argv.slice(2)) {
  const { data, status, history } = await getTicket(ticket);
  console.log(`\n${ticket}, ${String(data["name"])}, ${String(data["amount"])}: ${status}`);
  for (const { ts, stage, status: what, actor, worker, note } of history) {
    // Only of these does the worker say who did it; with others it is who had the stage.
    const by = ["in_progress", "done", "failed", "retry", "released"].includes(what) ? worker : actor;
    const who = by === null || what === "queued" ? "" : `by ${by}`;
    const columns = [ts.toISOString().slice(11, 19), (stage ?? "").padEnd(10), what.padEnd(16), who.padEnd(9), note ?? ""];
    console.log(`  ${columns.join("  ").trimEnd()}`);
  }
}
await close();
