/** Every action on a ticket or a stage that the board offers, with its effect in the database. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, eventually } from "./_harness.js";
import { begin, choose, events, last, open, page, row, said, send, stage, w } from "./_ticket.js";

before(() => begin("ticket_actions"));
after(() => w.end());

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

test("what awaits is brought forward, finished by hand, given more time, and done by law", async () => {
  await w.sql("SELECT oms.create_workflow($1)", [{
    name: "Awaiting", slaMins: 60000, stages: [
      { id: "hearing", owner: "SBA_Team", startAt: "$.on", slaMins: 600 },
      { id: "fee", owner: "SBA_Team", waitFor: { message: "fee" }, slaMins: 600 },
      { id: "silence", owner: "SBA_Team", slaMins: 0, escalation: [{ at: "100%", finishWith: { granted: true } }] },
      { id: "end", owner: "SBA_Team", dependsOn: ["hearing", "fee"] },
    ],
  }]);
  const ticket = await w.one(`SELECT oms.open_ticket('Awaiting', '{"on": "2099-03-05T09:00Z"}')::text`);
  const offered = async (name: string) => {
    const summary = row(page, name).locator("summary", { hasText: "More" });
    if ((await summary.count()) > 0) await summary.click();
    return row(page, name).locator(".offers a, .offers button").allInnerTexts();
  };
  await eventually(() => w.one("SELECT status FROM oms.stage WHERE ticket_id = $1 AND stage = 'silence'", [ticket]), "done");
  await page.goto(`/tickets/${ticket}`);
  await row(page, "hearing").locator(".status-awaiting").waitFor();
  await row(page, "hearing").getByText("starts on").waitFor();
  await row(page, "fee").getByText(`waits for message fee with key ${ticket}`).waitFor();
  await row(page, "silence").getByText("by law").waitFor();
  await page.locator("table.timeline tr", { hasText: "by law at" }).getByText("by law", { exact: true }).waitFor();
  assert.deepEqual(await offered("hearing"), ["Done", "Start", "Comment", "Put on hold", "Escalate", "Send back", "Skip"], "no clock yet, and nothing but its moment to bring forward");
  assert.deepEqual(await offered("fee"), ["Done", "Comment", "Put on hold", "More time", "Escalate", "Send back", "Skip"]);
  const due = (id: string) => w.one("SELECT due_at::text FROM oms.stage WHERE ticket_id = $1 AND stage = $2", [ticket, id]);
  const before = await due("fee");
  await choose(ticket, "More time", "fee");
  await page.getByLabel("How much more").fill("soon");
  await page.getByLabel("Reason").fill("the bank was closed");
  await send("More time");
  await page.getByRole("alert").getByText("How much more is a whole number").waitFor();
  await page.getByLabel("How much more").fill("90");
  await page.getByLabel("Of what").selectOption("mins");
  await send("More time");
  await said("has more time");
  assert.equal(await w.one("SELECT ($1::timestamptz - $2::timestamptz)::text", [await due("fee"), before]), "01:30:00");
  assert.match((await events(ticket, "extended"))[0]?.note ?? "", /^90 minutes more, .*: the bank was closed$/);
  await page.goto(`/tickets/${ticket}?clock=fee`);
  await page.getByText("90 minutes more").first().waitFor();
  await choose(ticket, "More time");
  await page.getByLabel("How much more").fill("3");
  await page.getByLabel("Reason").fill("unusual");
  await send("More time");
  await said("has more time");
  assert.match((await events(ticket, "extended"))[1]?.note ?? "", /^3 days more [(]/);
  await choose(ticket, "Start", "hearing");
  await said("has started");
  assert.equal((await stage(ticket, "hearing"))?.status, "queued");
  await choose(ticket, "Done", "fee");
  await page.getByLabel("Output").fill('{"paid": "in cash"}');
  await send("Done");
  await said("is done");
  assert.deepEqual([(await stage(ticket, "fee"))?.output, (await stage(ticket, "fee"))?.worker], [{ paid: "in cash" }, "ann"]);
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
