/** The ticket's page: what stands there, live, and every action, with its effect in the database. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { accessible, eventually, HOSTILE, harmless, LOAN, picture, until, world, type World } from "./_harness.js";

let w: World;
let page: Page;

/** As long as a name may be. */
const NAME = `</text><script>window.hacked=3</script>"'&#x3c;\u202Egnol`;

const GRAPH = {
  name: "Grant review", prefix: "GR", slaMins: 600,
  stages: [
    { id: "check", owner: "SBA_Team", label: "First check", slaMins: 60 },
    { id: "score", owner: "SBA_Team", slaMins: 240, dependsOn: ["check"], retry: { maxAttempts: 2 } },
    { id: "pay", owner: "Treasury", dependsOn: ["score"] },
    { id: "call", owner: "SBA_Team", manual: true },
    { id: "minutes", owner: "SBA_Team", manual: true, dependsOn: ["call"] },
  ],
};

const open = (data: object = { amount: 80000 }) => w.one("SELECT oms.open_ticket('Grant review', $1)::text", [data]);
const stage = async (ticket: string, id: string) =>
  (await w.sql<{ status: string; owner: string; worker: string | null; cycle: number; level: number; delegated_by: string | null; output: unknown }>(
    "SELECT status, owner, worker, cycle, level, delegated_by, output FROM oms.stage WHERE ticket_id = $1 AND stage = $2", [ticket, id]))[0];
const last = async (ticket: string) =>
  (await w.sql<{ status: string; actor: string; worker: string | null; note: string | null; public: boolean; stage: string | null }>(
    "SELECT status, actor, worker, note, public, stage FROM oms.timeline WHERE ticket_id = $1 ORDER BY seq DESC LIMIT 1", [ticket]))[0];
const events = async (ticket: string, status: string) =>
  w.sql<{ status: string; actor: string; stage: string; note: string | null }>("SELECT status, actor, stage, note FROM oms.timeline WHERE ticket_id = $1 AND status = $2 ORDER BY seq", [ticket, status]);
const row = (of: Page, name: string) => of.locator("table.stages tbody tr").filter({ has: of.locator("th", { hasText: name }) });

/** Follows a link or button of a stage (or of the ticket), opening "More" where it is behind that. */
async function choose(ticket: string, title: string, of?: string) {
  await page.goto(`/tickets/${ticket}`);
  if (of === undefined) {
    await page.getByRole("link", { name: title, exact: true }).click();
    return;
  }
  const line = row(page, of);
  const it = line.locator(".offers").getByText(title, { exact: true });
  if (!(await it.isVisible())) await line.locator("details.more > summary").click();
  await it.click();
}
const send = (title: string) => page.locator("main form .buttons").getByRole("button", { name: title, exact: true }).click();
const said = (text: string) => page.locator(".message-done").getByText(text).waitFor();

before(async () => {
  w = await world("ticket");
  await w.sql("SELECT oms.set_owner('SBA_Team', 'group', members => '{ann,bob}')");
  await w.sql("SELECT oms.set_owner('Backup', 'group')");
  await w.sql("SELECT oms.set_hold_reason('documents', true, 'applicant', 2, 'Please send the missing documents')");
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
  await w.sql("SELECT oms.create_workflow($1)", [GRAPH]);
  page = await w.open("ann");
});
after(() => w.end());

test("facts, picture, stages, clocks, data and timeline stand there", async () => {
  const ticket = await w.one("SELECT oms.open_ticket('DisasterLoan', '{\"amount\": 80000, \"exact\": 12345678901234567890.5}', priority => 7, applicant => 'kim@example.org')::text");
  await w.sql("SELECT oms.claim('IRS_Bot', 'irs-1')");
  await w.sql("SELECT oms.stage_done($1, 'id_check', '{\"match\": true}')", [ticket]);
  await w.sql("SELECT oms.comment($1, 'We wait for the bank', 'risk_ai')", [ticket]);
  await w.sql("SELECT oms.comment($1, 'Your request is being looked at', public => true)", [ticket]);
  await w.sql("SELECT oms.attach($1, 'map.pdf', 'https://files.example/map.pdf', repeat('ab', 32))", [ticket]);
  await page.goto(`/tickets/${ticket.toLowerCase()}`);
  assert.equal(new URL(page.url()).pathname, `/tickets/${ticket}`);
  const facts = await page.locator(".facts").innerText();
  for (const text of ["open", "DisasterLoan", "version 1", "kim@example.org", "7"]) assert.ok(facts.includes(text), text);
  const tracking = await w.one("SELECT oms.tracking_number($1)", [ticket]);
  assert.equal(await page.getByText(tracking).isVisible(), false);
  await page.locator("#tracking summary").click();
  await page.getByText(tracking).waitFor();
  // The picture has the states as classes, the words beside them.
  const drawn = (what: string) => page.locator(`svg[role=img] ${what}`).count();
  await eventually(async () => [await drawn(".done"), await drawn("#stage-2.queued"), await drawn(".waiting")], [1, 1, 2]);
  await page.locator("svg[role=img] #stage-2.queued text", { hasText: "queued" }).waitFor();
  assert.match(await row(page, "Identity check").innerText(), /done[\s\S]*IRS_Bot[\s\S]*by irs-1[\s\S]*in time/);
  await row(page, "Identity check").getByText("Output").click();
  await page.getByText('"match": true').first().waitFor();
  assert.match(await row(page, "risk ai").innerText(), /queued[\s\S]*queued for RiskAI, which has no members/);
  assert.match(await row(page, "Payment").innerText(), /waits for Underwriting/);
  // Numbers that JavaScript would round.
  assert.match(await page.locator("[data-part=data] pre").innerText(), /12345678901234567890\.5/);
  const timeline = page.locator("table.timeline");
  assert.match(await timeline.innerText(), /Your request is being looked at/);
  assert.equal(await timeline.locator("tr", { hasText: "Your request is being looked at" }).locator(".public").count(), 1);
  assert.equal(await timeline.locator("tr", { hasText: "We wait for the bank" }).locator(".public").count(), 0);
  assert.equal(await timeline.getByRole("link", { name: "map.pdf" }).getAttribute("href"), "https://files.example/map.pdf");
  assert.match(await page.locator("table.segments").innerText(), /runs, always open/);
  await accessible(page);
  await picture(page, "ticket", true);
});

test("the clock of one stage is explained, with holds", async () => {
  // In one transaction, so that no worker comes in between with the time of today.
  await w.sql("BEGIN");
  await w.sql("SET LOCAL oms.now = '2026-03-02 10:00Z'");
  const ticket = await open();
  await w.sql("SET LOCAL oms.now = '2026-03-02 10:20Z'");
  await w.sql("SELECT oms.hold($1, 'check', 'documents')", [ticket]);
  await w.sql("SET LOCAL oms.now = '2026-03-02 12:20Z'");
  await w.sql("SELECT oms.resume($1, 'check')", [ticket]);
  await w.sql("COMMIT");
  await page.goto(`/tickets/${ticket}`);
  await page.getByRole("link", { name: "Explain the clock of First check" }).click();
  await page.waitForURL("**clock=check**");
  const table = page.locator("table.segments");
  assert.equal(await table.count(), 1);
  assert.match(await table.innerText(), /The clock of First check[\s\S]*20 min\s+20 min\s+runs[\s\S]*on hold: documents/);
});

test("unknown numbers and stages are said to be so", async () => {
  for (const path of ["/tickets/DL-1999-99999", "/tickets/nonsense", "/tickets/DL-2026-00001-7QK3M9ZT4", "/tickets/DL-1999-99999/comment"]) {
    const answer = await page.goto(path);
    assert.equal(answer?.status(), 404, path);
    await page.getByText("There is no ticket").waitFor();
  }
  const ticket = await open();
  assert.equal((await page.goto(`/tickets/${ticket}/skip?stage=nowhere`))?.status(), 404);
  assert.equal((await page.goto(`/tickets/${ticket}/nonsense`))?.status(), 404);
  assert.equal((await page.goto(`/tickets/${ticket}/skip`))?.status(), 400);
  assert.equal((await page.goto(`/tickets/${ticket}/retry?stage=check`))?.status(), 409);
});

test("claim, done with an output, and the next stage", async () => {
  const ticket = await open();
  await choose(ticket, "Claim", "First check");
  await said("First check of");
  const claimed = await stage(ticket, "check");
  assert.equal(claimed?.status, "in_progress");
  assert.equal(claimed.worker, "ann");
  assert.deepEqual({ ...(await last(ticket)) }, { status: "in_progress", actor: "ann", worker: "ann", note: null, public: false, stage: "check" });
  await choose(ticket, "Done", "First check");
  await page.getByLabel("Output").fill('{"approved": tru}');
  await send("Done");
  // What was typed stands there still.
  await page.getByRole("alert").getByText("not JSON").waitFor();
  await eventually(() => page.getByLabel("Output").inputValue(), '{"approved": tru}');
  assert.equal((await stage(ticket, "check"))?.status, "in_progress");
  await accessible(page);
  await page.getByLabel("Output").fill('{"approved": true, "sum": 12345678901234567890.5}');
  await send("Done");
  await said("is done");
  const done = await stage(ticket, "check");
  assert.equal(done?.status, "done");
  assert.equal(await w.one("SELECT output->>'sum' FROM oms.stage WHERE ticket_id = $1 AND stage = 'check'", [ticket]), "12345678901234567890.5");
  assert.equal((await stage(ticket, "score"))?.status, "queued");
  assert.equal((await events(ticket, "done"))[0]?.actor, "ann");
});

test("nobody finishes what somebody else has meanwhile begun", async () => {
  const ticket = await open();
  await w.sql("SELECT oms.claim_stage($1, 'check', 'ann')", [ticket]);
  await page.goto(`/tickets/${ticket}/done?stage=check`);
  await page.getByLabel("Output").fill('{"mine": 1}');
  await w.sql("SELECT oms.assign($1, 'check', 'bob')", [ticket]);
  await send("Done");
  await page.getByRole("alert").getByText("has changed since").waitFor();
  await page.getByText("bob has it now.").waitFor();
  await eventually(() => page.getByLabel("Output").inputValue(), '{"mine": 1}');
  assert.equal((await stage(ticket, "check"))?.status, "in_progress");
});

test("claiming what somebody has already taken says who", async () => {
  const ticket = await open();
  await page.goto(`/tickets/${ticket}`);
  const answer = await page.request.post(`/tickets/${ticket}/claim`, {
    headers: { origin: w.url }, maxRedirects: 0,
    form: { csrf: await page.locator("input[name=csrf]").first().inputValue(), stage: "check" },
  });
  assert.equal(answer.status(), 303);
  await w.sql("SELECT oms.assign($1, 'check', 'bob')", [ticket]);
  const again = await page.request.post(`/tickets/${ticket}/claim`, {
    headers: { origin: w.url }, form: { csrf: await page.locator("input[name=csrf]").first().inputValue(), stage: "check" },
  });
  assert.match(await again.text(), /message-error[\s\S]*Somebody was faster: bob has First check of/);
  assert.equal((await stage(ticket, "check"))?.worker, "bob");
});

test("a failure: tried again, and for good; then retry", async () => {
  const ticket = await open();
  await w.sql("SELECT oms.claim_stage($1, 'check', 'ann')", [ticket]);
  await choose(ticket, "Report a failure", "First check");
  await page.getByLabel("What went wrong").fill("The printer is on fire");
  await send("Report a failure");
  await said("was reported as failed");
  assert.equal((await stage(ticket, "check"))?.status, "queued");
  await w.sql("SELECT oms.assign($1, 'check', 'ann')", [ticket]);
  await choose(ticket, "Report a failure", "First check");
  await page.getByLabel("What went wrong").fill("It is still on fire");
  await page.getByLabel("It can be tried again").uncheck();
  await send("Report a failure");
  await said("was reported as failed");
  assert.equal((await stage(ticket, "check"))?.status, "failed");
  assert.equal((await last(ticket))?.actor, "ann");
  await choose(ticket, "Try again", "First check");
  await page.getByLabel("Reason").fill("A new printer");
  await send("Try again");
  await said("is queued again");
  assert.equal((await stage(ticket, "check"))?.status, "queued");
  assert.equal((await events(ticket, "retry")).at(-1)?.actor, "ann");
});

test("assign, delegate, hand back, release", async () => {
  const ticket = await open();
  await choose(ticket, "Assign", "First check");
  await page.getByLabel("Person").fill("bob");
  await page.getByLabel("Note").fill("You know the bank");
  await send("Assign");
  await said("was assigned");
  assert.equal((await stage(ticket, "check"))?.worker, "bob");
  assert.deepEqual((await events(ticket, "assigned")).map((e) => [e.actor, e.note]), [["ann", "You know the bank"]]);
  await choose(ticket, "Delegate", "First check");
  await page.getByLabel("To whom").fill("ann");
  await send("Delegate");
  await said("was delegated");
  assert.deepEqual([(await stage(ticket, "check"))?.worker, (await stage(ticket, "check"))?.delegated_by], ["ann", "bob"]);
  await choose(ticket, "Hand it back", "First check");
  await send("Hand it back");
  await said("is back with");
  assert.equal((await stage(ticket, "check"))?.worker, "bob");
  await choose(ticket, "Give it back", "First check");
  await page.getByLabel("Note").fill("not mine");
  await send("Give it back");
  await said("is in the queue again");
  assert.deepEqual([(await stage(ticket, "check"))?.status, (await stage(ticket, "check"))?.worker], ["queued", null]);
  assert.equal((await events(ticket, "released"))[0]?.note, "not mine");
});

test("hold and resume, of a stage and of the whole ticket", async () => {
  const ticket = await open();
  await choose(ticket, "Put on hold", "First check");
  await send("Put on hold");
  await page.getByRole("alert").getByText("A reason is missing.").waitFor();
  await page.getByLabel("Reason", { exact: true }).selectOption("documents");
  await page.getByLabel("Until").fill("2031-05-06T07:08");
  await send("Put on hold");
  await said("is on hold");
  assert.equal((await stage(ticket, "check"))?.status, "on_hold");
  assert.equal(await w.one("SELECT to_char(until AT TIME ZONE current_setting('TimeZone'), 'YYYY-MM-DD HH24:MI') FROM oms.hold WHERE ticket_id = $1", [ticket]), "2031-05-06 07:08");
  await row(page, "First check").getByText("documents").waitFor();
  await choose(ticket, "Put on hold", "First check");
  await page.getByLabel("Another reason").fill("the bank is closed");
  await send("Put on hold");
  await said("is on hold");
  await choose(ticket, "Lift the hold", "First check");
  await page.getByLabel("Which").selectOption("documents");
  await send("Lift the hold");
  await said("goes on");
  assert.equal((await stage(ticket, "check"))?.status, "on_hold");
  await choose(ticket, "Lift the hold", "First check");
  await send("Lift the hold");
  await said("goes on");
  assert.equal((await stage(ticket, "check"))?.status, "queued");
  await choose(ticket, "Put on hold");
  await page.getByLabel("Another reason").fill("flood");
  await send("Put on hold");
  await said("is on hold");
  assert.equal(await w.one("SELECT status FROM oms.ticket WHERE ticket_id = $1", [ticket]), "on_hold");
  await page.locator(".facts").getByText("flood").waitFor();
  assert.equal(await row(page, "First check").getByText("Lift the hold").count(), 0);
  await choose(ticket, "Lift the hold");
  await send("Lift the hold");
  await said("goes on");
  assert.equal(await w.one("SELECT status FROM oms.ticket WHERE ticket_id = $1", [ticket]), "open");
});

test("reassign and escalate, also with another owner", async () => {
  const ticket = await open();
  await choose(ticket, "Reassign", "First check");
  await page.getByLabel("New owner").fill("Backup");
  await page.getByLabel("Reason").fill("they have time");
  await send("Reassign");
  await said("has another owner");
  assert.equal((await stage(ticket, "check"))?.owner, "Backup");
  assert.deepEqual((await events(ticket, "reassigned")).map((e) => e.actor), ["ann"]);
  await choose(ticket, "Escalate", "First check");
  await page.getByLabel("Reason").fill("nobody answers");
  await send("Escalate");
  await said("was escalated");
  await choose(ticket, "Escalate", "First check");
  await page.getByLabel("Reason").fill("still nobody");
  await page.getByLabel("Reassign to").fill("SBA_Team");
  await send("Escalate");
  await said("was escalated");
  assert.deepEqual([(await stage(ticket, "check"))?.level, (await stage(ticket, "check"))?.owner], [2, "SBA_Team"]);
  assert.deepEqual((await events(ticket, "escalated")).map((e) => e.actor), ["ann", "ann"]);
  await row(page, "First check").getByText("escalated, level 2").waitFor();
});

test("skip, send back and reopen ask once more", async () => {
  const ticket = await open();
  let answer = false;
  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.message());
    void (answer ? dialog.accept() : dialog.dismiss());
  });
  await choose(ticket, "Skip", "First check");
  await page.getByLabel("Reason").fill("known already");
  await send("Skip");
  assert.equal((await stage(ticket, "check"))?.status, "queued");
  answer = true;
  await send("Skip");
  await said("was skipped");
  assert.equal((await stage(ticket, "check"))?.status, "skipped");
  await choose(ticket, "Send back", "score");
  assert.deepEqual(await page.getByLabel("To which stage").locator("option").allInnerTexts(), ["First check (check)"]);
  await page.getByLabel("Reason").fill("after all");
  await send("Send back");
  await said("was sent back");
  assert.deepEqual([(await stage(ticket, "check"))?.cycle, (await stage(ticket, "check"))?.status, (await stage(ticket, "score"))?.status], [2, "queued", "waiting"]);
  await w.sql("SELECT oms.stage_done($1, 'check')", [ticket]);
  await choose(ticket, "Reopen", "First check");
  await page.getByLabel("Reason").fill("a mistake");
  await send("Reopen");
  await said("was reopened");
  assert.equal((await stage(ticket, "check"))?.cycle, 3);
  await row(page, "First check").getByText("cycle 3").waitFor();
  await choose(ticket, "Cancel the ticket");
  await page.getByLabel("Reason").fill("withdrawn");
  await send("Cancel the ticket");
  await said("is cancelled");
  assert.equal(await w.one("SELECT status FROM oms.ticket WHERE ticket_id = $1", [ticket]), "cancelled");
  assert.equal((await last(ticket))?.actor, "ann");
  assert.equal(asked.length, 5);
  // Of a closed ticket: comment, escalate, reopen.
  await row(page, "First check").locator("summary", { hasText: "More" }).click();
  assert.deepEqual(await row(page, "First check").locator(".offers a, .offers button").allInnerTexts(), ["Comment", "Escalate", "Reopen"]);
  page.removeAllListeners("dialog");
});

test("a manual stage is started when what it needs is there", async () => {
  const ticket = await open();
  await page.goto(`/tickets/${ticket}`);
  assert.equal(await row(page, "minutes").getByText("Start", { exact: true }).count(), 0);
  await choose(ticket, "Start", "call");
  await said("has started");
  assert.equal((await stage(ticket, "call"))?.status, "queued");
});

test("comments, internal and public, on the ticket and on a stage; sent twice, written once", async () => {
  const ticket = await open();
  await page.goto(`/tickets/${ticket}`);
  const body = page.locator("textarea[name=body]");
  await body.fill("For us");
  const fields = await page.locator(`form[action='/tickets/${ticket}/comment']`).evaluate((f) => Object.fromEntries(new FormData(f as never) as never) as Record<string, string>);
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  await said("has a new comment");
  assert.deepEqual({ ...(await last(ticket)) }, { status: "comment", actor: "ann", worker: null, note: "For us", public: false, stage: null });
  // The same form again, as a second click would send it.
  const again = await page.request.post(`/tickets/${ticket}/comment`, { form: fields, headers: { origin: w.url }, maxRedirects: 0 });
  assert.equal(again.status(), 303);
  assert.equal((await events(ticket, "comment")).length, 1);
  await body.fill("For you");
  await page.getByLabel("The applicant may read it").check();
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  await page.locator("table.timeline tr", { hasText: "For you" }).locator(".public").waitFor();
  assert.equal((await last(ticket))?.public, true);
  await choose(ticket, "Comment", "First check");
  await page.getByLabel("Comment").fill("About the check");
  await send("Comment");
  await said("First check of");
  assert.equal((await last(ticket))?.stage, "check");
});

test("without scripts everything works as well", async () => {
  const ticket = await open();
  const plain = await w.open("bob", `/tickets/${ticket}`, { javaScriptEnabled: false });
  await row(plain, "First check").locator("button", { hasText: "Claim" }).click();
  await plain.getByText("is yours now").waitFor();
  assert.equal((await stage(ticket, "check"))?.worker, "bob");
  await row(plain, "First check").locator("summary", { hasText: "More" }).click();
  await row(plain, "First check").locator("a", { hasText: "Skip" }).click();
  await plain.getByLabel("Reason").fill("no script");
  await plain.locator("main form .buttons button").click();
  await plain.getByText("was skipped").waitFor();
  assert.equal((await stage(ticket, "check"))?.status, "skipped");
  await plain.context().close();
});

test("the page follows what happens at once, and keeps focus, open places and what was typed", async () => {
  const ticket = await open();
  await page.goto(`/tickets/${ticket}`);
  await page.locator("#live[data-state=on]").waitFor();
  await row(page, "score").locator("summary", { hasText: "More" }).click();
  await page.locator("textarea[name=body]").fill("half a thou");
  await page.locator("textarea[name=body]").scrollIntoViewIfNeeded();
  const top = await page.evaluate("document.querySelector('textarea[name=body]').getBoundingClientRect().top");
  await w.sql("SELECT oms.stage_done($1, 'check', '{\"n\": 1}')", [ticket]);
  await row(page, "score").locator(".status-queued").waitFor();
  await page.locator("svg #stage-2.queued").waitFor();
  await page.locator("table.timeline tr", { hasText: "done" }).first().waitFor();
  await page.locator("#live-words").getByText(/Changed at/).waitFor();
  assert.equal(await page.evaluate("document.activeElement?.name"), "body");
  await eventually(() => page.locator("textarea[name=body]").inputValue(), "half a thou");
  assert.equal(await row(page, "score").locator("details.more").getAttribute("open"), "");
  const moved = Math.abs(Number(await page.evaluate("document.querySelector('textarea[name=body]').getBoundingClientRect().top")) - Number(top));
  assert.ok(moved < 2, `moved by ${moved}`);
  // A button that has the focus goes away: the focus stays near.
  await row(page, "score").getByRole("button", { name: "Claim" }).focus();
  await w.sql("SELECT oms.hold($1, 'score', 'documents')", [ticket]);
  await row(page, "score").locator(".status-on_hold").waitFor();
  await eventually(() => page.evaluate("document.activeElement?.id"), "stage-row-2");
  await accessible(page);
});

test("comments of others stand there without loading the page again", async () => {
  const ticket = await open();
  const first = await w.open("ann", `/tickets/${ticket}`);
  const pages = [first, await w.open("bob", `/tickets/${ticket}`)];
  for (const one of pages) await one.locator("#live[data-state=on]").waitFor();
  await w.sql("SELECT oms.comment($1, 'The bank has called')", [ticket]);
  // Far less than the minute after which a page looks by itself.
  for (const one of pages) await one.locator("table.timeline tr", { hasText: "The bank has called" }).waitFor();
  await w.sql("SELECT oms.claim_stage($1, 'check', 'bob')", [ticket]);
  await row(first, "First check").getByText("bob has it").first().waitFor();
  for (const one of pages) await one.context().close();
});

test("times are those of where the browser is, what is typed too", async () => {
  const ticket = await open();
  const tokyo = await w.open("ann", `/tickets/${ticket}`, { timezoneId: "Asia/Tokyo" });
  const there = (at: string) => w.one(`SELECT to_char(${at} AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI') FROM oms.ticket AS t LEFT JOIN oms.hold AS h USING (ticket_id) WHERE ticket_id = $1`, [ticket]);
  const opened = await there("t.opened_at");
  await tokyo.locator(".facts").getByText(opened).waitFor();
  await eventually(() => tokyo.locator("table.timeline time").first().textContent(), opened);
  // What the page says of itself is written as all other times are.
  await tokyo.locator("#live[data-state=on]").waitFor();
  await w.sql("SELECT oms.comment($1, 'what time is it?')", [ticket]);
  const [, changed] = /Changed at (\d\d:\d\d):\d\d\.$/.exec(await tokyo.getByText(/Changed at/).innerText()) ?? [];
  const said = await w.one("SELECT string_agg(to_char(clock_timestamp() AT TIME ZONE 'Asia/Tokyo' - i * interval '1 minute', 'HH24:MI'), ' ') FROM generate_series(0, 1) AS i");
  assert.ok(changed !== undefined && said.split(" ").includes(changed), `${String(changed)} is not of ${said}`);
  await tokyo.goto(`/tickets/${ticket}/hold?stage=check`);
  await tokyo.getByText("Time zone: Asia/Tokyo.").waitFor();
  await tokyo.getByLabel("Another reason").fill("a visit");
  await tokyo.getByLabel("Until").fill("2031-05-06T07:08");
  await tokyo.locator("main form .buttons button").click();
  await row(tokyo, "First check").getByText("2031-05-06 07:08").first().waitFor();
  assert.equal(await there("h.until"), "2031-05-06 07:08");
  await tokyo.context().close();
  // What is no zone, or none of the database, does no harm.
  const cookie = await w.cookie("ann");
  for (const zone of ["Mars/Phobos", "+05:30", "'; DROP SCHEMA oms", "x".repeat(5000)]) assert.equal((await fetch(`${w.url}/tickets/${ticket}`, { headers: { cookie: `${cookie}; zone=${encodeURIComponent(zone)}` } })).status, 200, zone.slice(0, 30));
});

test("tabs that nobody looks at keep no connection, so that another one can be loaded; who looks again sees what happened", async () => {
  const ticket = await open();
  const first = await w.open("ann", `/tickets/${ticket}`);
  const show = (of: Page, hidden: boolean) =>
    of.evaluate(`Object.defineProperty(document, "hidden", { get: () => ${hidden}, configurable: true }); document.dispatchEvent(new Event("visibilitychange"))`);
  // As many as a browser has connections to a server.
  for (let i = 0; i < 6; i++) {
    const tab = i === 0 ? first : await first.context().newPage();
    if (tab !== first) await tab.goto(`/tickets/${ticket}`);
    await tab.locator("#live[data-state=on]").waitFor();
    await show(tab, true);
  }
  const next = await first.context().newPage();
  await next.goto(`/tickets/${ticket}`);
  await next.locator("#live[data-state=on]").waitFor();
  const on = (of: Page, status: string) => row(of, "First check").locator(`.status-${status}`);
  await w.sql("SELECT oms.hold($1, 'check', 'documents')", [ticket]);
  await on(next, "on_hold").waitFor();
  assert.equal(await on(first, "queued").count(), 1);
  await show(first, false);
  await on(first, "on_hold").waitFor();
  await w.sql("SELECT oms.skip_stage($1, 'check', 'not needed')", [ticket]);
  await on(first, "skipped").waitFor();
  await first.context().close();
});

test("hostile text stays text, in the picture too", async () => {
  await w.sql("SELECT oms.create_workflow($1)", [{ name: NAME, prefix: "BAD", stages: [{ id: NAME, owner: NAME, label: `${NAME}!` }, { id: "W".repeat(63), owner: "y", dependsOn: [NAME] }] }]);
  const ticket = await w.one("SELECT oms.open_ticket($1, $2, applicant => $3)::text", [NAME, { [HOSTILE]: HOSTILE, long: "W".repeat(500) }, HOSTILE]);
  await w.sql("SELECT oms.comment($1, $2)", [ticket, HOSTILE]);
  await w.sql("SELECT oms.attach($1, $2, 'javascript:window.hacked=4', repeat('ab', 32))", [ticket, NAME]);
  await w.sql("SELECT oms.hold($1, $2, $3)", [ticket, NAME, HOSTILE]);
  await w.sql("SELECT oms.resume($1, $2)", [ticket, NAME]);
  await page.goto(`/tickets/${ticket}`);
  await page.locator("svg[role=img]").waitFor();
  await eventually(() => page.locator("svg[role=img] #stage-1 text").first().textContent(), `${NAME}! (${NAME})`);
  assert.equal(await page.locator("a[href^='javascript']").count(), 0);
  assert.ok((await page.locator("[data-part=data] pre").innerText()).includes("<script>window.hacked=1</script>"));
  await harmless(page);
  await accessible(page);
  await row(page, "gnol").first().locator(".offers").getByText("Done").click();
  await page.getByLabel("Output").fill(JSON.stringify({ [HOSTILE]: HOSTILE }));
  await send("Done");
  await said("is done");
  assert.equal((await stage(ticket, NAME))?.status, "done");
  await row(page, "gnol").first().getByText("Output").click();
  await harmless(page);
  assert.equal(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), true);
});

test("a long timeline comes in pages", async () => {
  const ticket = await open();
  await w.sql("SELECT oms.comment($1, 'note ' || n) FROM generate_series(1, 450) AS n", [ticket]);
  await page.goto(`/tickets/${ticket}`);
  const lines = page.locator("table.timeline tbody tr");
  await eventually(() => lines.count(), 200);
  await page.getByRole("link", { name: "Older" }).click();
  await page.getByText("note 250", { exact: true }).waitFor();
  await eventually(() => lines.count(), 200);
  await page.getByRole("link", { name: "Show all" }).click();
  await page.waitForURL("**events=all**");
  await eventually(() => lines.count(), 452);
  await page.getByRole("link", { name: "Inbox" }).click();
});

test("a large workflow shows what has begun, the picture does not hold up the page", async () => {
  await w.sql("SELECT oms.create_workflow($1)", [{
    name: "Large", prefix: "LG",
    stages: Array.from({ length: 500 }, (_, i) => ({ id: `s${i}`, owner: "o", dependsOn: [1, 7, 31, 173].filter((d) => i >= d).map((d) => `s${i - d}`) })),
  }]);
  const ticket = await w.one("SELECT oms.open_ticket('Large')::text");
  await page.goto(`/tickets/${ticket}`);
  await page.getByText("takes too long to draw").waitFor();
  await eventually(() => page.locator("table.stages tbody tr").count(), 200);
  await page.getByRole("link", { name: "Show all" }).first().click();
  await page.waitForURL("**stages=all**");
  await eventually(() => page.locator("table.stages tbody tr").count(), 500);
});

test("monitor and lower levels see neither page nor data", async () => {
  const ticket = await open({ secret: "only for staff" });
  const cookie = await w.cookie("mia");
  for (const path of [`/tickets/${ticket}`, `/tickets/${ticket}/parts`, `/tickets/${ticket}/skip?stage=check`, "/inbox", "/inbox/parts"]) {
    const answer = await fetch(w.url + path, { headers: { cookie } });
    assert.equal(answer.status, 403, path);
    assert.doesNotMatch(await answer.text(), /only for staff|First check/);
    const nobody = await fetch(w.url + path, { redirect: "manual" });
    assert.equal(nobody.status, 303, path);
  }
  const monitor = await w.open("mia", "/reports");
  const csrf = await monitor.locator("input[name=csrf]").first().inputValue();
  for (const action of ["claim", "done", "skip", "comment", "cancel"]) {
    const answer = await monitor.request.post(`/tickets/${ticket}/${action}`, { headers: { origin: w.url }, form: { csrf, stage: "check", reason: "x", body: "x" } });
    assert.equal(answer.status(), 403, action);
  }
  await monitor.context().close();
  // An agent claims by the SDK; the board has no pages for it.
  await w.sql("CREATE ROLE board_agent LOGIN PASSWORD 'board_agent-demo'");
  await w.sql("SELECT oms.grant_access('board_agent', 'agent')");
  await w.sql("GRANT board_agent TO oms_board");
  const agent = await w.cookie("board_agent");
  assert.equal((await fetch(`${w.url}/tickets/${ticket}`, { headers: { cookie: agent } })).status, 403);
  assert.equal((await fetch(`${w.url}/inbox`, { headers: { cookie: agent } })).status, 403);
  await w.sql("SELECT oms.revoke_access('board_agent')");
  await w.sql("DROP ROLE board_agent");
  assert.equal((await stage(ticket, "check"))?.status, "queued");
});

test("a form that the board never made is refused in words", async () => {
  const ticket = await open();
  await page.goto(`/tickets/${ticket}`);
  const csrf = await page.locator("input[name=csrf]").first().inputValue();
  const post = (path: string, fields: Record<string, string>) =>
    page.request.post(path, { form: { csrf, ...fields }, headers: { origin: w.url }, maxRedirects: 0 });
  for (const action of ["done", "failed", "release"])
    for (const [of, fields] of [[ticket, { stage: "nowhere" }], ["GR-1999-99999", { stage: "check" }]] as const)
      assert.equal((await post(`/tickets/${of}/${action}`, { ...fields, error: "x" })).status(), 404, `${action} of ${of}`);
  assert.equal((await post(`/tickets/${ticket}/comment`, { body: "x", once: "x".repeat(10_000) })).status(), 400);
  assert.equal((await events(ticket, "comment")).length, 0);
});

test("what the page offers is not more than the database allows", async () => {
  const ticket = await open();
  await page.goto(`/tickets/${ticket}/skip?stage=check`);
  await page.getByLabel("Reason").fill("too late");
  await w.sql("SELECT oms.cancel_ticket($1, 'withdrawn')", [ticket]);
  page.once("dialog", (dialog) => void dialog.accept());
  await send("Skip");
  const alert = page.getByRole("alert");
  await alert.getByText(`"Skip" is not possible now: First check of ${ticket} is cancelled.`).waitFor();
  await eventually(() => page.getByLabel("Reason").inputValue(), "too late");
});

test("on a phone nothing is wider than the page", async () => {
  const ticket = await open();
  const phone = await w.open("ann", `/tickets/${ticket}`, { viewport: { width: 390, height: 800 } });
  await phone.locator("svg[role=img]").waitFor();
  assert.equal(await phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), true);
  await phone.locator("#live[data-state=on]").waitFor();
  await phone.context().close();
});

test("a note of a megabyte is folded, its whole text has a page of its own, and live updates carry what changed only", async () => {
  const ticket = await w.one("SELECT oms.open_ticket('DisasterLoan', '{\"amount\": 1}')::text");
  const long = `The beginning ${"x".repeat(1_000_000)} the end`;
  await w.sql("SELECT oms.comment($1, $2)", [ticket, long]);
  await w.sql("SELECT oms.hold($1, NULL, $2)", [ticket, `They wait ${"y".repeat(100_000)}`]);
  const page = await w.open("ann", `/tickets/${ticket}`);
  await page.locator('#live[data-state="on"]').waitFor();
  assert.ok((await page.content()).length < 120_000, "the page is short");
  const bodies: string[] = [];
  page.on("response", (answer) => {
    if (answer.url().includes("/parts")) void answer.text().then((text) => bodies.push(text));
  });
  await w.sql("SELECT oms.comment($1, 'And one more')", [ticket]);
  await page.getByText("And one more").waitFor();
  await until("the update was read", () => bodies.some((body) => body.includes("And one more")));
  const update = bodies.find((body) => body.includes("And one more")) ?? "";
  const parts = [...update.matchAll(/data-part="(\w+)"/g)].map((m) => m[1]);
  assert.ok(parts.includes("timeline"));
  // The picture, the data and the stages are as they were; facts hold the number of the last event.
  assert.deepEqual(parts.filter((part) => ["picture", "data", "stages", "offers"].includes(part ?? "")), []);
  assert.ok(update.length < 120_000, "the update is short");
  // Nothing happened: nothing comes but the clock, which goes on.
  const marks = await page.locator("[data-part]").evaluateAll((parts) => parts.map((p) => `${p.getAttribute("data-part") ?? ""}=${p.getAttribute("data-mark") ?? ""}`).join(" "));
  const again = await page.request.get(`/tickets/${ticket}/parts`, { headers: { "x-parts": marks } });
  assert.deepEqual([...(await again.text()).matchAll(/data-part="(\w+)"/g)].map((m) => m[1]).filter((part) => part !== "clock"), []);
  await page.getByRole("link", { name: /Read all of it: the note/ }).last().click();
  await page.getByRole("heading", { name: `Note of ${ticket}` }).waitFor();
  assert.equal(await page.locator("main .said").textContent(), long);
  for (const path of [`/tickets/${ticket}/notes/99999`, `/tickets/${ticket}/notes/x`]) assert.equal((await page.request.get(path)).status(), 404, path);
});
