/*
 * What the compiler must allow and what it must refuse; nothing here is run.
 */
import pg from "pg";
import * as oms from "hms-oms-sdk";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <T extends true>(): T | undefined => undefined;

export async function compiles(pool: pg.Pool, client: pg.PoolClient, single: pg.Client): Promise<void> {
  const ticket = await oms.openTicket("W", { any: ["json", 1, null] }, { client, priority: 1 });
  await oms.openTicket("W", {}, { client: pool });
  await oms.openTicket("W", {}, { client: single, applicant: undefined });
  oms.configure({ pool });

  const rows = await oms.getTimeline(ticket);
  same<Same<typeof rows, oms.TimelineRow[]>>();
  const events = await oms.getTimeline(ticket, { events: true });
  same<Same<typeof events, oms.TimelineEvent[]>>();

  const [job] = await oms.claim("O");
  if (job !== undefined) {
    same<Same<typeof job.token, string>>();
    same<Same<typeof job.leaseUntil, Date>>();
    await oms.stageDone(ticket, "a", {}, { token: job.token });
    await oms.stageDone(ticket, "a", {}, { token: 1n });
    // @ts-expect-error a number could have lost digits
    await oms.heartbeat(ticket, "a", 1);
  }
  const answer = await oms.withTransaction(async (tx) => (await tx.query("SELECT 1")).rows.length);
  same<Same<typeof answer, number>>();

  oms.worker<{ amount: number }>("O", ({ data, signal }) => {
    same<Same<typeof data.amount, number>>();
    signal.throwIfAborted();
    return { twice: data.amount * 2 };
  });

  // @ts-expect-error a stage needs an owner
  await oms.createWorkflow({ name: "W", stages: [{ id: "a" }] });
  // @ts-expect-error keys are checked
  await oms.createWorkflow({ name: "W", stages: [{ id: "a", owner: "o", dependson: [] }] });
  // @ts-expect-error no such level
  await oms.grantAccess("r", "root");
  // @ts-expect-error a stage, or null for the whole ticket
  await oms.hold(ticket, "reason");
  // @ts-expect-error an instant is a Date
  await oms.hold(ticket, null, "reason", { until: "tomorrow" });
  // @ts-expect-error options are checked
  await oms.claim("O", { count: 5 });
}
