/** What forms do with what is typed: it is not lost, slips are asked about, and the answer is in words. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { csv } from "../src/export.js";
import { accessible, eventually, leads, LOAN, until, world, type World } from "./_harness.js";

let w: World;
const TURNED = "ann\u202Egnol";
const open = () => w.one("SELECT oms.open_ticket('DisasterLoan', '{\"amount\": 80000}')::text");
const owner = (ticket: string) => w.one("SELECT owner FROM oms.stage WHERE ticket_id = $1 AND stage = 'id_check'", [ticket]);
const send = (page: Page, title: string) => leads(page, () => page.locator("main form .buttons").getByRole("button", { name: title, exact: true }).click());

/** Sends a form while the database is away, and goes back to it when it is there again. */
async function sendWhileAway(page: Page, title: string): Promise<void> {
  w.stopServer();
  try {
    await send(page, title);
    await page.getByText("The database cannot be reached just now").waitFor();
  } finally {
    await w.startServer();
  }
  await until("the board answers again", async () => (await page.request.get("/")).ok());
  await leads(page, () => page.getByRole("link", { name: "Back to the form" }).click());
}

before(async () => {
  w = await world("forms", { BOARD_TIMEZONE: "America/New_York" });
  await w.sql("SELECT oms.set_owner('SBA_Team', 'group', members => '{ann,bob}', supervisor => 'Director'), oms.set_owner('IRS_Bot', 'group', members => '{ann}', supervisor => 'Director')");
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
});
after(() => w.end());

test("an owner or a person that nobody knows is asked about", async () => {
  const ticket = await open();
  const page = await w.open("ann", `/tickets/${ticket}/reassign?stage=id_check`);
  assert.ok((await page.locator("datalist option").evaluateAll((all) => all.map((o) => o.getAttribute("value")))).includes("Treasury_Bot"), "owners of workflows are offered");
  await page.getByLabel("New owner").fill("SBA_Taem");
  await page.getByLabel("Reason").fill("they have time");
  await send(page, "Reassign");
  await page.getByRole("alert").getByText('"SBA_Taem" is not a known owner: create its queue all the same?').waitFor();
  assert.equal(await owner(ticket), "IRS_Bot");
  await eventually(() => page.getByLabel("Reason").inputValue(), "they have time");
  await accessible(page);
  // Another slip is another question.
  await page.getByLabel('Create the queue of "SBA_Taem"').check();
  await page.getByLabel("New owner").fill("SBA_Tmea");
  await send(page, "Reassign");
  await page.getByRole("alert").getByText('"SBA_Tmea" is not a known owner').waitFor();
  await page.getByLabel('Create the queue of "SBA_Tmea"').check();
  await send(page, "Reassign");
  await page.getByText("has another owner").waitFor();
  assert.equal(await owner(ticket), "SBA_Tmea");
  await page.goto(`/tickets/${ticket}/escalate?stage=id_check`);
  await page.getByLabel("Reason").fill("late");
  await page.getByLabel("Reassign to").fill("Nobody_Here");
  await send(page, "Escalate");
  await page.getByRole("alert").getByText('"Nobody_Here" is not a known owner').waitFor();
  // One that a workflow names is no slip.
  await page.getByLabel("Reassign to").fill("Treasury_Bot");
  await send(page, "Escalate");
  await page.getByText("was escalated").waitFor();
  await page.goto(`/tickets/${ticket}/assign?stage=id_check`);
  assert.ok((await page.locator("datalist option").evaluateAll((all) => all.map((o) => o.getAttribute("value")))).includes("bob"), "people are offered");
  await page.getByLabel("Person").fill("bbo");
  await send(page, "Assign");
  await page.getByRole("alert").getByText('"bbo" is not a known person').waitFor();
  await page.getByLabel("Person").fill("bob");
  await send(page, "Assign");
  await page.getByText("was assigned").waitFor();
});

test("a known name in other letters, with blanks or with what cannot be seen is offered", async () => {
  const ticket = await open();
  const page = await w.open("ann", `/tickets/${ticket}/reassign?stage=id_check`);
  await page.getByLabel("Reason").fill("they have time");
  for (const name of ["sba_team", "SBA Team", "SBA_Team\u200b"]) {
    await page.getByLabel("New owner").fill(name);
    await send(page, "Reassign");
    await page.getByRole("alert").getByText('Did you mean "SBA_Team"?').waitFor();
    assert.equal(await owner(ticket), "IRS_Bot", name);
  }
  // Blanks around it are no part of a name.
  await page.getByLabel("New owner").fill(" SBA_Team \u00a0");
  await send(page, "Reassign");
  await page.getByText("has another owner").waitFor();
  assert.equal(await owner(ticket), "SBA_Team");
  await page.goto(`/tickets/${ticket}/assign?stage=id_check`);
  await page.getByLabel("Person").fill("Bob ");
  await send(page, "Assign");
  await page.getByRole("alert").getByText('Did you mean "bob"?').waitFor();
});

test("the timeline says to whom, and everything is in words and in the zone of the page", async () => {
  const ticket = await open();
  await w.sql("SELECT oms.reassign($1, 'id_check', 'SBA_Team', 'they have time')", [ticket]);
  await w.sql("SELECT oms.escalate($1, 'id_check', 'nobody answers')", [ticket]);
  await w.sql("SELECT oms.assign($1, 'id_check', 'bob')", [ticket]);
  const page = await w.open("ann", `/tickets/${ticket}`);
  const line = (what: string) => page.locator("table.timeline tbody tr").filter({ has: page.locator("th", { hasText: what }) });
  await line("reassigned to SBA_Team").waitFor();
  await line("escalated to Director").waitFor();
  // It says whom it told then.
  await w.sql("SELECT oms.set_owner('SBA_Team', supervisor => 'Inspector')");
  await w.sql("SELECT oms.escalate($1, 'id_check', 'she may know')", [ticket]);
  await w.sql("SELECT oms.set_owner('SBA_Team', supervisor => 'Successor')");
  await page.goto(`/tickets/${ticket}`);
  await line("escalated to Inspector").getByText("she may know").waitFor();
  await line("escalated to Director").getByText("nobody answers").waitFor();
  await w.sql("SELECT oms.set_owner('SBA_Team', supervisor => '')");
  await line("assigned to bob").waitFor();
  // Who holds a stage is not who sends it back, holds it or skips it.
  await w.sql("SELECT oms.hold($1, 'id_check', 'a letter is on its way')", [ticket]);
  await w.sql("SELECT oms.resume($1, 'id_check')", [ticket]);
  await page.goto(`/tickets/${ticket}`);
  for (const what of ["on hold", "resumed"]) {
    await line(what).getByText("postgres", { exact: true }).waitFor();
    assert.equal(await line(what).getByText("bob").count(), 0, what);
  }
  await page.locator("table.stages").getByText("waits for Identity check").waitFor();
  await w.sql("SELECT oms.comment($1, 'by 2026-11-09T21:30:00Z at the latest')", [ticket]);
  await w.sql("SELECT oms.release($1, 'id_check', 'not him')", [ticket]);
  await w.sql("SELECT oms.claim_stage($1, 'id_check', 'dev')", [ticket]);
  await page.goto(`/tickets/${ticket}`);
  await page.getByText("by 2026-11-09 16:30 at the latest").waitFor();
  await line("in progress").first().getByText(/dev\s*entered by postgres/).waitFor();
  await page.locator("svg").getByText(/^in progress, due \d{4}-\d\d-\d\d \d\d:\d\d$/).waitFor();
  // Errors, too.
  await page.goto(`/tickets/${ticket}/done?stage=id_check`);
  await page.getByLabel("Output").fill("{amount: 5}");
  await send(page, "Done");
  await page.getByRole("alert").getByText("The output is not JSON: line 1, column 2:").waitFor();
  await page.getByLabel("Output").fill("{}");
  await w.sql("SELECT oms.hold($1, 'id_check', 'documents')", [ticket]);
  await send(page, "Done");
  await page.getByRole("alert").getByText(`"Done" is not possible now: Identity check of ${ticket} is on hold.`).waitFor();
  const answer = await page.request.get("/?q=%00");
  assert.equal(answer.status(), 422);
  assert.match(await answer.text(), /There is a character in it that no text can have/);
  await w.sql("SELECT oms.resume($1, 'id_check'), oms.stage_done($1, 'id_check')", [ticket]);
  for (const report of ["sla", "heat-map", "bottlenecks"]) {
    await page.goto(`/reports/${report}`);
    await page.locator("main th").getByText("Identity check").first().waitFor();
    assert.equal(await page.locator("main th").getByText("id check", { exact: true }).count(), 0, report);
  }
});

test("what was typed comes back after the database, or the session, was away", async () => {
  const ticket = await open();
  const page = await w.open("ann", `/tickets/${ticket}/comment`);
  await page.getByLabel("Comment", { exact: true }).fill("A long story, typed once");
  await page.getByLabel("The applicant may read it").check();
  await sendWhileAway(page, "Comment");
  await page.getByText("This is what you typed before").waitFor();
  await eventually(() => page.getByLabel("Comment", { exact: true }).inputValue(), "A long story, typed once");
  await page.context().clearCookies();
  await send(page, "Comment");
  await page.getByRole("link", { name: "Sign in, and go on where you were" }).click();
  await page.getByLabel("User name").fill("ann");
  await page.getByLabel("Password").fill("ann-demo");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This is what you typed before").waitFor();
  await eventually(() => page.getByLabel("Comment", { exact: true }).inputValue(), "A long story, typed once");
  await eventually(() => page.getByLabel("The applicant may read it").isChecked(), true);
  await send(page, "Comment");
  await page.getByText("has a new comment").waitFor();
  assert.equal(await w.one("SELECT count(*) FROM oms.timeline WHERE ticket_id = $1 AND status = 'comment' AND note = 'A long story, typed once'", [ticket]), "1");
  // It has arrived: there is nothing to bring back.
  await page.goto(`/tickets/${ticket}/comment`);
  await eventually(() => page.getByLabel("Comment", { exact: true }).inputValue(), "");
});

test("what was typed is kept when the form is refused, until it has arrived", async () => {
  const ticket = await open();
  const page = await w.open("ann", `/tickets/${ticket}/done?stage=id_check`);
  const output = page.getByLabel("Output");
  const typed = '{"found": "much to be typed again"';
  await output.fill(typed);
  await send(page, "Done");
  await page.getByRole("alert").waitFor();
  await eventually(() => output.inputValue(), typed);
  // Somebody goes away to look something up, and comes back.
  await page.getByRole("link", { name: "Cancel", exact: true }).click();
  await page.goto(`/tickets/${ticket}/done?stage=id_check`);
  await page.getByText("This is what you typed before").waitFor();
  await eventually(() => output.inputValue(), typed);
  // Refused, corrected, and then the database is away.
  await send(page, "Done");
  await page.getByRole("alert").waitFor();
  await output.fill(`${typed}}`);
  await sendWhileAway(page, "Done");
  await eventually(() => output.inputValue(), `${typed}}`);
  await send(page, "Done");
  await page.getByText("is done").first().waitFor();
  assert.deepEqual(await w.one("SELECT payload FROM oms.timeline WHERE ticket_id = $1 AND status = 'done'", [ticket]), { found: "much to be typed again" });
});

test("after an action the focus is at the next row", async () => {
  const page = await w.open("ann", "/inbox");
  const keys = () => page.locator("[data-part=free] tr[data-ticket]").evaluateAll((all) => all.map((r) => r.getAttribute("data-key")));
  const focused = () => page.evaluate<string | undefined>("document.activeElement?.closest('tr')?.dataset.key");
  const [first, second] = await keys();
  await page.locator(`tr[data-key='${first ?? ""}'] button`).click();
  await page.getByText("is yours now").waitFor();
  await eventually(focused, second);
});

test("a name cannot turn the text beside it, and no cell of a CSV is a formula", async () => {
  await w.sql("SELECT oms.open_ticket('DisasterLoan', '{\"amount\": 1}', applicant => $1)", [TURNED]);
  const page = await w.open("ann");
  assert.equal(await page.locator("bdi").getByText(TURNED).count(), 1);
  const text = csv(["a"], [{ a: "\u200B=1+1" }, { a: "x; \u2060+2" }, { a: "x\ty" }, { a: -5 }, { a: "a - b" }, { a: 'x;"=2' }, { a: "\u3164\u2800\u0001@3" }]);
  assert.equal(text, "\uFEFFa\r\n'\u200B=1+1\r\n\"x;' \u2060+2\"\r\nx\ty\r\n-5\r\na - b\r\n\"x;'\"\"=2\"\r\n'\u3164\u2800\u0001@3\r\n");
  const bytes = Buffer.from(await (await page.request.get("/tickets.csv")).body());
  assert.deepEqual([...bytes.subarray(0, 3)], [0xef, 0xbb, 0xbf]);
});
