/*
 * A listener ("ACT"): bots for the stages of some owners, and an inbox for what a person has to do.
 */
import { parseArgs } from "node:util";
import { close, worker } from "hms-oms-sdk";
import { handler } from "./bots.js";
import { terminal } from "./terminal.js";

const usage = "usage: act [-n NAME] [-l LEASE_SECS] [-g GRACE_SECS] [-w WORK_MS] [-i PERSON] [OWNER...]";

function fail(why: string): never {
  console.error(`act: ${why}\n${usage}`);
  process.exit(2);
}

function options() {
  try {
    return parseArgs({
      options: {
        name: { type: "string", short: "n", default: `act-${process.pid}` },
        lease: { type: "string", short: "l", default: "60" },
        grace: { type: "string", short: "g", default: "10" },
        work: { type: "string", short: "w", default: "200" },
        inbox: { type: "string", short: "i" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function number(text: string, what: string): number {
  return /^\d+$/.test(text) ? Number(text) : fail(`${what} must be a whole number, not "${text}"`);
}

const { values, positionals: owners } = options();
const { name, inbox: person } = values;
const leaseSecs = number(values.lease, "the lease");
const graceSecs = number(values.grace, "the grace");
const workMs = number(values.work, "the work");
if (leaseSecs === 0) fail("the lease must be more than 0");
if (owners.length === 0 && person === undefined) fail("there is nothing to do without an owner or a person");

// The first signal lets the bots finish what they have, within the grace; the second waits for nothing, and the
// leases bring back what it had.
const stopping = new AbortController();
const bots = owners.map((owner) =>
  worker(owner, handler((text) => { console.log(`${name}: ${text}`); }, workMs), {
    name,
    leaseSecs,
    graceSecs,
    signals: [],
    onError: (error, job) => {
      const why = error instanceof Error ? error.message : String(error);
      console.error(`${name}: ${job === undefined ? "" : `${job.ticket} ${job.stage}: `}${why}`);
    },
  }));
const stop = () => {
  if (stopping.signal.aborted) process.exit(1);
  stopping.abort();
  for (const bot of bots) void bot.stop();
};
process.on("SIGTERM", stop).on("SIGINT", stop);

let good = true;
if (person !== undefined) {
  good = await terminal(person, stopping.signal);
  // Whoever closes the inbox closes the bots behind it.
  if (!stopping.signal.aborted) stop();
}
await Promise.all(bots.map((bot) => bot.finished));
await close();
if (bots.length > 0) console.log(`${name}: stopped`);
process.exitCode = good ? 0 : 1;
