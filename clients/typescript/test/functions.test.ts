/*
 * Every function of the package against a real server.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as oms from "hms-oms-sdk";
import { database, sql, until } from "./helpers.js";

await database("sdk_functions");

const loan: oms.WorkflowDefinition = {
  name: "Loan",
  stages: [
    { id: "check", owner: "Checker", slaMins: 30 },
    { id: "score", owner: "Scorer", slaMins: 10, dependsOn: ["check"] },
    { id: "review", owner: "Team", slaMins: 240, dependsOn: ["score"], minAmount: 50000 },
    { id: "visit", owner: "Team", dependsOn: ["check"], manual: true },
    { id: "pay", owner: "Payer", slaMins: 60, dependsOn: ["review", "score"] },
  ],
};
await oms.createWorkflow(loan);

const statusOf = async (ticket: string, stage: string) =>
  (await oms.getTicket(ticket)).stages.find(({ id }) => id === stage)?.status;

test("workflows: validate, create, get, versions, retire", async () => {
  assert.deepEqual(await oms.validateWorkflow(loan), []);
  const problems = await oms.validateWorkflow({ name: "Bad", stages: [{ id: "a", owner: "x", dependsOn: ["b"] }, { id: "bb", owner: "x" }] });
  assert.deepEqual(problems.map(({ path }) => path), ["$.stages[0].dependsOn[0]"]);
  assert.match(problems[0]?.hint ?? "", /bb/);

  const first = { name: "Versions", stages: [{ id: "a", owner: "x" }] };
  const second = { name: "Versions", stages: [{ id: "a", owner: "y" }] };
  assert.equal(await oms.createWorkflow(first), 1);
  assert.equal(await oms.createWorkflow(first), 1);
  assert.equal(await oms.createWorkflow(second), 2);
  assert.deepEqual(await oms.getWorkflow("Versions"), second);
  assert.deepEqual(await oms.getWorkflow("Versions", { version: 1 }), first);
  await oms.retireWorkflow("Versions");
  await assert.rejects(oms.openTicket("Versions"), oms.UnknownWorkflow);
});

test("nextStages of a definition and of a ticket", async () => {
  assert.deepEqual(await oms.nextStages(loan, ["check", "score", "visit"], { amount: 20000 }), ["pay"]);
  assert.deepEqual(await oms.nextStages(loan, ["check", "score", "visit"], { amount: 50000 }), ["review"]);
  assert.deepEqual(await oms.nextStages(loan, []), ["check"]);
  assert.deepEqual(await oms.nextStages(await oms.openTicket("Loan")), ["check"]);
});

test("diagrams", async () => {
  assert.match(await oms.diagramWorkflow("Loan"), /^flowchart/);
  assert.match(await oms.diagramWorkflow("Loan", { format: "dot", version: 1 }), /^digraph/);
  assert.match(await oms.diagramTicket(await oms.openTicket("Loan")), /queued/);
});

test("a ticket from opening to its end", async () => {
  const data = { amount: 80000, who: "ACME \"Ltd\" 'x' $1 \\ ü", list: [1, null, { a: [] }] };
  const ticket = await oms.openTicket("Loan", data, { priority: 7, applicant: "p-1", idempotencyKey: "k-1" });
  assert.match(ticket, /^L-\d{4}-\d{5,}$/);
  assert.equal(await oms.openTicket("Loan", data, { priority: 7, applicant: "p-1", idempotencyKey: "k-1" }), ticket);

  const [claimed, ...others] = await oms.claim("Checker", { worker: "c-1", qty: 1, leaseSecs: 90 });
  assert.ok(claimed);
  assert.equal(others.length, 0);
  assert.equal(claimed.ticket, ticket);
  assert.equal(claimed.attempt, 1);
  assert.deepEqual(claimed.data, data);
  assert.deepEqual(claimed.inputs, {});
  assert.equal(typeof claimed.token, "string");
  assert.ok(claimed.dueAt instanceof Date);
  const left = claimed.leaseUntil.getTime() - Date.now();
  assert.ok(left > 30_000 && left < 91_000, `lease of ${left} ms`);

  const longer = await oms.heartbeat(ticket, "check", claimed.token, { leaseSecs: 600 });
  assert.ok(longer > claimed.leaseUntil);
  assert.deepEqual(await oms.stageDone(ticket, "check", { ok: true }, { token: BigInt(claimed.token) }), ["score"]);
  assert.deepEqual(await oms.stageDone(ticket, "check", { ok: true }, { token: claimed.token }), []);

  assert.deepEqual((await oms.claim("Scorer"))[0]?.inputs, { check: { ok: true } });
  assert.equal(await oms.release(ticket, "score", { note: "later" }), "queued");
  assert.equal(await oms.stageFailed(ticket, "score", "no answer", { retryable: false }), "failed");
  assert.equal(await oms.retryStage(ticket, "score", "again"), "queued");
  assert.deepEqual(await oms.stageDone(ticket, "score", { score: 0.2 }), ["review"]);

  const token = await oms.claimStage(ticket, "review", { worker: "kim" });
  await assert.rejects(oms.claimStage(ticket, "review", { worker: "lee" }), oms.AlreadyClaimed);
  assert.deepEqual(await oms.stageDone(ticket, "review", {}, { token }), ["pay"]);
  assert.equal(await oms.startStage(ticket, "visit"), "queued");
  assert.equal(await oms.skipStage(ticket, "visit", "not needed"), "skipped");
  await oms.stageDone(ticket, "pay");

  assert.equal(await oms.sendMessage("nobody", "waits", { payload: { paid: 1 }, messageId: "m1", ttlSecs: 60 }), 0);
  assert.equal(await oms.sendMessage("nobody", "waits", { payload: { paid: 1 }, messageId: "m1", ttlSecs: 60 }), 0);
  await assert.rejects(oms.sendMessage("nobody", "else", { messageId: "m1" }), oms.IdempotencyConflict);
  assert.equal(await oms.dropMessage("nobody", "waits"), 1);

  const whole = await oms.getTicket(ticket);
  assert.equal(whole.status, "done");
  assert.equal(whole.priority, 7);
  assert.equal(whole.applicant, "p-1");
  assert.deepEqual(whole.data, data);
  assert.ok(whole.openedAt instanceof Date && whole.closedAt instanceof Date);
  assert.deepEqual(whole.stages.map(({ id, status }) => `${id} ${status}`),
    ["check done", "score done", "review done", "visit skipped", "pay done"]);
  assert.deepEqual(whole.stages[1]?.output, { score: 0.2 });
  assert.ok(whole.stages[1].finishedAt instanceof Date && whole.history[0]?.ts instanceof Date);
  assert.equal(whole.history.at(-1)?.status, "ticket_done");

  assert.equal(await oms.reopen(ticket, "pay", "wrong account"), "open");
  assert.equal(await statusOf(ticket, "pay"), "queued");
  assert.equal(await oms.sendBack(ticket, "pay", "review", "look again"), "waiting");
  assert.equal(await statusOf(ticket, "review"), "queued");
  assert.equal(await statusOf(ticket, "pay"), "waiting");
  assert.equal(await oms.cancelTicket(ticket, "withdrawn"), "cancelled");
  assert.equal((await oms.getTicket(ticket)).status, "cancelled");
});

test("many at once", async () => {
  await oms.createWorkflow({ name: "Bulk", stages: [{ id: "a", owner: "Bulk" }] });
  const tickets = await oms.openTickets("Bulk", Array.from({ length: 50 }, (_, n) => ({ n, quote: '"{},\\' })));
  assert.equal(new Set(tickets).size, 50);
  assert.equal((await oms.getTicket(tickets[17] ?? "")).data["n"], 17);
  const claimed = await oms.claim("Bulk", { qty: 50 });
  assert.equal(claimed.length, 50);
  assert.equal(await oms.stagesDone(claimed.map(({ ticket, stage, token }, n) => ({
    ticket, stage, token: n % 2 === 0 ? token : BigInt(token), output: { n },
  }))), 50);
  assert.deepEqual(await oms.openTickets("Bulk", []), []);
  assert.equal(await oms.stagesDone([]), 0);
});

test("cases that began elsewhere are looked at, then brought in", async () => {
  await oms.createWorkflow({
    name: "Brought", stages: [{ id: "a", owner: "Brought" }, { id: "b", owner: "Brought", dependsOn: ["a"] }],
    examples: [{ path: ["a", "b"], opened_at: "2025-01-06T10:00Z" }],
  });
  const rows = [{ key: "brought-1", opened_at: "2025-01-06T10:00Z", stages: { a: { finished_at: "2025-01-07T10:00Z", worker: "meg", output: { n: 1 } } } }];
  assert.deepEqual(await oms.importTickets("Brought", rows), [{ row: 1, ticket: null, problem: null }]);
  const [one] = await oms.importTickets("Brought", rows, { dryRun: false });
  assert.match(one?.ticket ?? "", /^B-2025-/);
  assert.deepEqual(await oms.importTickets("Brought", rows, { dryRun: false }), [one]);
  assert.equal((await oms.getTicket(one?.ticket ?? "")).openedAt.toISOString(), "2025-01-06T10:00:00.000Z");
  const [bad, ...none] = await oms.importTickets("Brought", [{ opened_at: "2025-01-06", stages: { c: {} } }]);
  assert.equal(bad?.problem, 'workflow "Brought" has no stage "c"');
  assert.deepEqual(none, []);
});

test("finish and claim in one commit", async () => {
  await oms.createWorkflow({ name: "Line", stages: [{ id: "a", owner: "Line" }, { id: "b", owner: "Line", dependsOn: ["a"] }] });
  const [one = "", two = ""] = await oms.openTickets("Line", [{}, {}]);
  const [first, second] = await oms.exchange("Line", { worker: "w-1", qty: 2, leaseSecs: 60 });
  assert.deepEqual([first?.ticket, second?.ticket, first?.stage], [one, two, "a"]);
  assert.ok(first && second && typeof first.token === "string" && first.leaseUntil instanceof Date);
  const [next, ...none] = await oms.exchange("Line", {
    worker: "w-1", qty: 5,
    finished: [
      { ticket: one, stage: "a", token: first.token, output: { n: 1 } },
      { ticket: two, stage: "a", token: BigInt(second.token), error: "no answer", retryable: false },
    ],
  });
  assert.deepEqual([next?.ticket, next?.stage, next?.inputs, none], [one, "b", { a: { n: 1 } }, []]);
  assert.equal(await statusOf(two, "a"), "failed");
  // All or nothing, and the error says which.
  await assert.rejects(oms.exchange("Line", { qty: 0, finished: [{ ticket: one, stage: "b" }, { ticket: one, stage: "z" }] }), { name: "UnknownStage", message: /^item 2 of 2: / });
  assert.equal(await statusOf(one, "b"), "in_progress");
  assert.deepEqual(await oms.exchange("Line", { qty: 0, finished: [{ ticket: one, stage: "b" }] }), []);
  assert.equal(await statusOf(one, "b"), "done");
});

test("tokens beyond 2^53 keep their digits", async () => {
  const ticket = await oms.openTicket("Loan");
  const odd = 9007199254740993n;
  await assert.rejects(oms.heartbeat(ticket, "check", odd), (error: Error) => !error.message.includes("9007199254740992"));
  await assert.rejects(oms.stageDone(ticket, "check", {}, { token: odd }), oms.StaleToken);
  await assert.rejects(oms.stagesDone([{ ticket, stage: "check", token: odd }]), oms.StaleToken);
  // @ts-expect-error a number is refused by the compiler, too
  await assert.rejects(oms.stageDone(ticket, "check", {}, { token: 5 }), oms.BadArgument);
  await assert.rejects(oms.stagesDone([{ ticket, stage: "check", token: '1,"x":2' }]), oms.BadArgument);
  await oms.cancelTicket(ticket, "over");
});

test("staff: escalate, assign, reassign, delegate, hold, comment, attach", async () => {
  const ticket = await oms.openTicket("Loan");
  // Nobody is above: the answer says so, not only the timeline.
  assert.deepEqual(await oms.escalate(ticket, "check", "slow"), { level: 1, told: null });
  await oms.setOwner("Checker", { supervisor: "Chief" });
  assert.deepEqual(await oms.escalate(ticket, "check", "slower", { reassignTo: "Backup" }), { level: 2, told: "Chief" });
  // A step that was due gave it to somebody else first: the answer says whom it reached, not who was above the owner before.
  await oms.createWorkflow({ name: "Handed", owner: "Director", stages: [{ id: "a", owner: "Checker", slaMins: 0, escalation: [{ at: "+1m", reassignTo: "Backup" }] }] });
  const late = await oms.openTicket("Handed");
  const said = await oms.withTransaction(async (client) => {
    await client.query("SELECT pg_catalog.set_config('oms.now', ((pg_catalog.now() OPERATOR(pg_catalog.+) '1 hour'::pg_catalog.interval))::pg_catalog.text, true)");
    return oms.escalate(late, "a", "late", { client });
  });
  assert.deepEqual(said, { level: 2, told: "Director" });
  await assert.rejects(oms.escalate(late, "nowhere", "late"), oms.UnknownStage);
  // More time: after the due time, or left while the clock stands.
  await oms.createWorkflow({ name: "Timed", stages: [{ id: "a", owner: "Checker", sla: [{ when: "$.n > 1", mins: 60 }, { mins: 600 }], dueAt: "$.by",
    warnAt: [80], escalation: [{ at: "+1m", finishWith: { deemed: true } }] }] });
  const timed = await oms.openTicket("Timed", { data: { n: 2 } });
  const due = (await oms.getTicket(timed)).stages[0]?.dueAt;
  assert.equal((await oms.extend(timed, "a", "ill", { mins: 30 }))?.getTime(), (due?.getTime() ?? 0) + 30 * 60_000);
  await oms.hold(timed, "a", "papers");
  assert.equal(await oms.extend(timed, "a", "ill", { mins: 30 }), null);
  await assert.rejects(oms.extend(timed, null, "no clock", { days: 1 }), oms.BadArgument);
  assert.equal(await oms.reassign(ticket, "check", "Team", "they know more"), "queued");
  assert.equal(await oms.assign(ticket, "check", "kim", { note: "please" }), "in_progress");
  assert.equal(await oms.delegate(ticket, "check", "lee", { note: "on leave" }), "in_progress");
  assert.equal((await oms.getTicket(ticket)).stages[0]?.worker, "lee");
  const [mine] = await oms.myWork("lee", { qty: 5 });
  assert.equal(mine?.ticket, ticket);
  assert.equal(mine.delegatedBy, "kim");
  assert.ok(mine.queuedAt instanceof Date);
  assert.equal(await oms.resolve(ticket, "check", { note: "done with my part" }), "in_progress");
  assert.equal((await oms.getTicket(ticket)).stages[0]?.worker, "kim");

  await oms.setHoldReason("papers", { stopsClock: true, waitingOn: "applicant", maxPerTicket: 3, publicLabel: "Papers are missing" });
  await oms.hold(ticket, "check", "papers", { until: new Date(Date.now() + 3_600_000) });
  assert.equal(await oms.hold(ticket, "check", "asked the lawyers"), "on_hold");
  const [why] = await oms.explain(ticket);
  assert.equal(why?.status, "on_hold");
  assert.match(why.why, /papers/);
  assert.ok(why.since instanceof Date);
  assert.equal(await oms.resume(ticket, "check", { reason: "papers" }), "on_hold");
  assert.equal(await oms.resume(ticket, "check"), "in_progress");
  assert.equal(await statusOf(ticket, "check"), "in_progress");
  assert.equal(await oms.hold(ticket, null, "audit"), "on_hold");
  assert.equal((await oms.getTicket(ticket)).status, "on_hold");
  assert.equal(await oms.resume(ticket, null), "open");

  const segments = await oms.explainClock(ticket, "check");
  assert.ok(segments.length > 1 && segments[0]?.starts instanceof Date);
  assert.ok(typeof segments[0].openMs === "number");
  assert.ok(Array.isArray(await oms.explainClock(ticket)));

  assert.deepEqual(await oms.amend(ticket, { name: "Kim", amount: null }, "mistyped"), { name: "Kim" });
  assert.deepEqual((await oms.getTicket(ticket)).data, { name: "Kim" });
  await oms.comment(ticket, "for everybody", { stage: "check", public: true });
  await oms.comment(ticket, "for us");
  await oms.attach(ticket, { name: "plan.pdf", url: "https://files.example/plan.pdf", sha256: "ab".repeat(32) }, { stage: "check" });
  const events = await oms.getTimeline(ticket, { events: true });
  assert.deepEqual(events.filter(({ status }) => status === "comment").map(({ note }) => note), ["for everybody", "for us"]);
  assert.ok(events.some(({ status }) => status === "attached"));
});

test("the timeline as a table and as a log", async () => {
  const ticket = await oms.openTicket("Loan", { amount: 90000 });
  await oms.stageDone(ticket, "check");
  await oms.stageDone(ticket, "score");
  await oms.claimStage(ticket, "review", { worker: "kim" });
  await oms.escalate(ticket, "review", "late");
  const rows = await oms.getTimeline(ticket);
  assert.deepEqual(rows.map(({ stage, owner, status }) => [stage, owner, status]), [
    ["check", "Checker", "✅ done"],
    ["score", "Scorer", "✅ done"],
    ["review", "Team", "⏳ in-progress"],
  ]);
  assert.deepEqual(Object.keys(rows[0] ?? {}), ["time", "stage", "owner", "status"]);
  assert.ok(rows.every(({ time }) => time instanceof Date && Math.abs(Date.now() - time.getTime()) < 60_000));
  const events = await oms.getTimeline(ticket, { events: true });
  assert.equal(events[0]?.status, "opened");
  assert.ok(events.some(({ status, note }) => status === "escalated" && note === "late"));

  // What a table shows is what the rows of stages say, whatever happened.
  const signs: Record<string, string> = { waiting: "💤", queued: "🔄", in_progress: "⏳", on_hold: "⏸", done: "✅", skipped: "⏭", failed: "❌", cancelled: "🚫" };
  const agree = async (step: string) => {
    const table = new Map((await oms.getTimeline(ticket)).map(({ stage, status }) => [stage, status]));
    for (const { id, status } of (await oms.getTicket(ticket)).stages) {
      const shown = table.get(id);
      // A stage that nothing happened to is not shown, also if its ticket was cancelled.
      if (shown !== undefined || !["waiting", "cancelled"].includes(status)) assert.ok(shown?.startsWith(signs[status] ?? "?"), `${step}: ${id} is ${status}, not ${String(shown)}`);
    }
  };
  const steps: [string, () => Promise<unknown>][] = [
    ["hold", () => oms.hold(ticket, "review", "papers please")],
    ["second hold", () => oms.hold(ticket, "review", "and more")],
    ["one lifted", () => oms.resume(ticket, "review", { reason: "and more" })],
    ["resume", () => oms.resume(ticket, "review")],
    ["hold again", () => oms.hold(ticket, "review", "third")],
    ["reassign on hold", () => oms.reassign(ticket, "review", "Backup", "they have time")],
    ["resume reassigned", () => oms.resume(ticket, "review")],
    ["hold the ticket", () => oms.hold(ticket, null, "audit")],
    ["resume the ticket", () => oms.resume(ticket, null)],
    ["send back", () => oms.sendBack(ticket, "review", "check", "again")],
    ["done again", () => oms.stageDone(ticket, "check")],
    ["fail", () => oms.stageFailed(ticket, "score", "broken", { retryable: false })],
    ["retry", () => oms.retryStage(ticket, "score", "mended")],
    ["assign", () => oms.assign(ticket, "score", "lee")],
    ["release", () => oms.release(ticket, "score")],
    ["skip", () => oms.skipStage(ticket, "score", "known")],
    ["cancel", () => oms.cancelTicket(ticket, "enough")],
    ["reopen", () => oms.reopen(ticket, "score", "not enough")],
  ];
  for (const [step, act] of steps) {
    await act();
    await agree(step);
  }
});

test("citizens: tracking numbers", async () => {
  const ticket = await oms.openTicket("Loan");
  const number = await oms.trackingNumber(ticket);
  assert.ok(number.startsWith(`${ticket}-`));
  const seen = await oms.track(number);
  assert.equal(seen?.id, ticket);
  assert.equal(seen.status, "in progress");
  assert.ok(seen.expectedBy instanceof Date);
  assert.ok(seen.history[0]?.time instanceof Date);
  assert.deepEqual((await oms.getTimeline(number)).map(({ stage, owner, status }) => [stage, owner, status]), [["check", null, "⏳ in-progress"]]);
  const other = await oms.rotateTrackingNumber(ticket);
  assert.notEqual(other, number);
  assert.equal(await oms.track(number), null);
  assert.deepEqual(await oms.getTimeline(number), []);
});

test("calendars and clocks", async () => {
  assert.equal(await oms.createCalendar("Office", {
    timezone: "America/New_York",
    hours: { mon: ["09:00-12:00", "13:00-17:00"], fri: ["09:00-17:00"] },
    holidays: ["2024-11-11"],
    exceptions: { "2024-12-24": ["09:00-12:00"] },
  }), 1);
  assert.equal(await oms.calendarProblem("Office"), null);
  await assert.rejects(oms.calendarProblem("No such"), oms.BadArgument);
  const monday = new Date("2024-11-04T09:00:00-05:00");
  assert.equal(await oms.businessTime("Office", monday, new Date("2024-11-04T14:00:00-05:00")), 4 * 3_600_000);
  assert.deepEqual(await oms.businessAdd("Office", monday, 181), new Date("2024-11-04T13:01:00-05:00"));
  assert.ok((await oms.usFederalHolidays(2024)).includes("2024-11-11"));
  assert.equal(await oms.breached(monday, new Date(monday.getTime() + 60_000), 1), false);
  assert.equal(await oms.breached(monday, new Date(monday.getTime() + 60_001), 1), true);
  assert.equal(typeof (await oms.tick()), "number");
});

test("owners and access", async () => {
  await sql("CREATE ROLE sdk_agent LOGIN");
  await oms.grantAccess("sdk_agent", "agent");
  await oms.setOwner("Team", { kind: "group", supervisor: "boss", calendar: "Office", members: ["sdk_agent"], assignment: "round_robin" });
  await oms.setAbsence("sdk_agent", new Date(), new Date(Date.now() + 86_400_000), { delegate: "kim" });
  await oms.revokeAccess("sdk_agent");
  await oms.setOwner("Team", { members: [] });
  await sql("DROP ROLE sdk_agent");
});

test("evidence and upkeep", async () => {
  const ticket = await oms.openTicket("Loan", { name: "Kim" }, { applicant: "p-9" });
  assert.deepEqual(await oms.verifyTimeline(), []);
  assert.deepEqual(await oms.verifyTimeline(ticket), []);
  assert.deepEqual(await oms.check(ticket), []);
  assert.deepEqual(await oms.check(), []);
  assert.equal(typeof (await oms.seal({ everything: true })), "bigint");
  assert.deepEqual(await oms.verifySeals(), []);
  assert.deepEqual(await oms.verifyJournal(), []);
  const proof = (await oms.proof(ticket, { content: false, journal: true })) as { journal: { entries: unknown[] }; seal: { number: number; hash: string } };
  assert.ok(proof.journal.entries.length > 0);
  const token = Buffer.from(`0420${proof.seal.hash}`, "hex");
  assert.equal(await oms.addStamp(BigInt(proof.seal.number), token), true);
  assert.equal(await oms.addStamp(BigInt(proof.seal.number), token), false);
  assert.equal(await oms.erase(ticket, ["data.name"], "asked for"), 1);
  assert.equal(await oms.eraseApplicant("p-9", "asked for"), 1);
  await oms.activate();
  assert.equal(await oms.repairGuards(), 0);
  assert.match(await oms.version(), /^\d+\.\d+/);
  assert.equal(await oms.dispatchChannel("Team"), "oms_dispatch.Team");
  await until("the server's worker runs", async () =>
    (await oms.workerStatus()).some(({ database, state }) => database === "sdk_functions" && state === "running"));
});

test("reports, health, metrics and changes", async () => {
  const ticket = await oms.openTicket("Loan", { amount: 90000 });
  await oms.stageDone(ticket, "check");
  assert.ok((await oms.rollUp()) >= 0);
  assert.ok((await oms.rollUp({ everything: true })) > 0);
  const [all] = await oms.slaReport(null, null);
  assert.ok(all?.workflow === null && all.finished > 0 && typeof all.waitMs === "number" && all.moved === 0);
  const hourAgo = new Date(Date.now() - 3_600_000);
  assert.ok((await oms.slaReport(hourAgo, null, { workflow: "Loan" })).some(({ stage, met }) => stage === "check" && met > 0));
  assert.ok((await oms.heatMap(hourAgo, null, { by: "owner" })).some(({ y, moved }) => y === "Checker" && moved === 0));
  assert.ok(Array.isArray(await oms.heatMap(null, null)));
  const [slow] = await oms.bottlenecks(hourAgo, null);
  assert.ok(typeof slow?.totalMs === "number" && slow.stage !== "" && slow.moved === 0);
  const risks = await oms.atRisk({ withinSecs: 86_400 });
  const risk = risks.find((one) => one.ticket === ticket && one.stage === "score");
  assert.ok(risk?.dueAt instanceof Date && risk.remainingMs > 0 && risk.remainingMs <= 600_000);

  const { status, reasons, checkedAt, timersLateMs } = await oms.health();
  assert.ok(["good", "degraded", "bad"].includes(status) && Array.isArray(reasons) && checkedAt instanceof Date);
  assert.equal(typeof timersLateMs, "number");
  assert.match(await oms.metricsText(), /^# HELP oms_/m);
  assert.ok((await oms.metrics()).some(({ name, value }) => name === "oms_tickets_opened_total" && (value ?? 0) > 0));
  assert.deepEqual(await oms.workerErrors(), []);
  assert.ok(Math.abs((await oms.clock()).getTime() - Date.now()) < 60_000);

  const events = await oms.changesOf(ticket);
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, i) => i + 1));
  assert.ok(events[0]?.time instanceof Date);
  assert.deepEqual(events[0].payload, { amount: 90000 });
  const seen = new Set<string>();
  for (let cursor: string | undefined; ;) {
    const page = await oms.changesSince({ cursor, max: 50 });
    for (const { id } of page) seen.add(id);
    const last = page.at(-1)?.cursor;
    if (last === undefined || last === null) break;
    cursor = last;
  }
  assert.ok(events.every(({ id }) => seen.has(id)));
});

test("ranges of ticket numbers", async () => {
  await oms.createWorkflow({ name: "Ranged", stages: [{ id: "a", owner: "Brief" }] });
  await oms.setNumberRanges([
    [1, 1_000_000],
    [2_000_001, 2_147_483_647],
  ]);
  assert.match(await oms.openTicket("Ranged"), /^R-/);
  await assert.rejects(oms.setNumberRanges([[2_000_001, 2_000_002]]), { code: "22023" });
  await oms.setNumberRanges([]);
});

test("retention, archive, cron, help, drawing", async () => {
  await oms.createWorkflow({ name: "Short", stages: [{ id: "a", owner: "Brief" }] });
  const ticket = await oms.openTicket("Short");
  await oms.stageDone(ticket, "a");
  await oms.setRetention(null);
  await oms.setRetention(0, { workflow: "Short" });
  assert.ok((await oms.archive({ max: 10 })) >= 1);
  assert.equal((await oms.getTicket(ticket)).status, "done");
  assert.equal(await oms.archive({ before: new Date("2000-01-01") }), 0);
  // There is no pg_cron in this server.
  await assert.rejects(oms.enableCron({ schedule: "* * * * *" }), { code: "55000" });
  await assert.rejects(oms.disableCron(), { code: "55000" });
  const lines = await oms.help();
  assert.ok(lines.some(({ call }) => call.startsWith("claim(")));
  assert.match(await oms.drawWorkflow(loan), /^flowchart/m);
  assert.match(await oms.drawWorkflow(loan, { format: "dot" }), /digraph/);
});

test("every function of the extension has its counterpart", async () => {
  const others: Record<string, string[]> = { diagram: ["diagramWorkflow", "diagramTicket"] };
  const rows = await sql<{ name: string }>("SELECT DISTINCT split_part(call, '(', 1) AS name FROM oms.help() ORDER BY 1");
  assert.ok(rows.length > 60);
  const missing = rows
    .flatMap(({ name }) => others[name] ?? [name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())])
    .filter((name) => typeof (oms as Record<string, unknown>)[name] !== "function");
  assert.deepEqual(missing, []);
});

test("an argument that is missing is a clear error", async () => {
  const none = undefined as unknown as string;
  const missing = (what: string) => ({ name: "BadArgument", code: "22023", message: `${what} is missing` });
  await assert.rejects(oms.getTimeline(none), missing("ticket"));
  await assert.rejects(oms.getTimeline(null as unknown as string), missing("ticket"));
  await assert.rejects(oms.track(none), missing("tracking_number"));
  await assert.rejects(oms.getTicket(none), missing("ticket"));
  await assert.rejects(oms.claim(none), missing("owner"));
  await assert.rejects(oms.hold("L-2026-00001", none, "why"), missing("stage"));
});

test("waitForWork", async () => {
  await oms.waitForWork("Nobody", { timeoutSecs: 0.01 });
  const waiting = oms.waitForWork("Waited", { timeoutSecs: 60 });
  await oms.createWorkflow({ name: "Wait", stages: [{ id: "a", owner: "Waited" }] });
  await oms.openTicket("Wait");
  await waiting;
  const abort = new AbortController();
  const aborted = oms.waitForWork("Nobody", { timeoutSecs: 600, signal: abort.signal });
  abort.abort();
  await aborted;
  await assert.rejects(oms.waitForWork("", { timeoutSecs: 1 }), oms.BadArgument);
});

test("in the caller's own transaction", async () => {
  await sql("CREATE TABLE application (ein text, ticket text)");
  const ticket = await oms.withTransaction(async (tx) => {
    const opened = await oms.openTicket("Loan", { ein: "1" }, { client: tx });
    await tx.query("INSERT INTO application VALUES ($1, $2)", ["1", opened]);
    return opened;
  }, { isolation: "repeatable read" });
  assert.equal((await oms.getTicket(ticket)).status, "open");
  assert.deepEqual(await sql("SELECT ticket FROM application"), [{ ticket }]);

  let lost = "";
  await assert.rejects(oms.withTransaction(async (tx) => {
    lost = await oms.openTicket("Loan", {}, { client: tx });
    throw new Error("changed my mind");
  }), /changed my mind/);
  await assert.rejects(oms.getTicket(lost), oms.UnknownTicket);

  // An error that is swallowed in there must not look like a success.
  await assert.rejects(oms.withTransaction(async (tx) => {
    await oms.getTicket("L-2000-99999", { client: tx }).catch(() => undefined);
  }), /rolled back/);

  // The connection is lost in the middle.
  await assert.rejects(oms.withTransaction(async (tx) => {
    const { rows } = await tx.query("SELECT pg_backend_pid() AS pid");
    await sql("SELECT pg_terminate_backend($1)", [(rows[0] as { pid: number }).pid]);
    await oms.openTicket("Loan", {}, { client: tx });
  }));
  assert.ok(await oms.version());
});

test("results do not depend on settings of the session", async () => {
  const ticket = await oms.openTicket("Loan");
  const plain = await oms.getTimeline(ticket, { events: true });
  await oms.withTransaction(async (tx) => {
    await tx.query("SET LOCAL datestyle = 'SQL, DMY'");
    await tx.query("SET LOCAL timezone = 'Asia/Kathmandu'");
    await tx.query("SET LOCAL intervalstyle = 'iso_8601'");
    await tx.query("SET LOCAL search_path = ''");
    assert.deepEqual(await oms.getTimeline(ticket, { events: true, client: tx }), plain);
    const [claimed] = await oms.claim("Checker", { leaseSecs: 60, client: tx });
    assert.ok(Math.abs((claimed?.leaseUntil.getTime() ?? 0) - Date.now() - 60_000) < 30_000);
    assert.equal(await oms.businessTime("Office", new Date("2024-11-04T09:00:00-05:00"), new Date("2024-11-04T10:30:00-05:00"), { client: tx }), 5_400_000);
  });
});
