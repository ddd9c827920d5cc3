/*
 * Prints the timelines of the tickets it is given, every event of them: timeline TICKET...
 */
import { close, getTicket } from "hms-oms-sdk";

for (const ticket of process.argv.slice(2)) {
  const { data, status, history } = await getTicket(ticket);
  console.log(`\n${ticket}, ${String(data["name"])}, ${String(data["amount"])}: ${status}`);
  for (const { ts, stage, status: what, worker, note } of history) {
    const who = worker === null ? "" : `by ${worker}`;
    const columns = [ts.toISOString().slice(11, 19), (stage ?? "").padEnd(10), what.padEnd(16), who.padEnd(9), note ?? ""];
    console.log(`  ${columns.join("  ").trimEnd()}`);
  }
}
await close();
