/** The board: what is open, by filter and page, live. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { accessible, HOSTILE, harmless, LOAN, picture, until, world, type World } from "./_harness.js";

let w: World;
const rows = (page: Page) => page.locator("tbody tr[data-ticket]");
const row = (page: Page, ticket: string) => page.locator(`tr[data-ticket="${ticket}"]`);

async function openTicket(data: object = { amount: 80000 }, applicant: string | null = null): Promise<string> {
  return w.one("SELECT oms.open_ticket('DisasterLoan', $1, applicant => $2)::text", [data, applicant]);
}

before(async () => {
  w = await world("board");
  await w.sql("SELECT oms.set_owner('SBA_Team', 'group', members => '{ann,bob}')");
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Permit", prefix: "PM", stages: [{ id: "review", owner: "Desk" }] }]);
});
after(() => w.end());

test("without anything open the board says so", async () => {
  const page = await w.open("ann");
  await page.getByText("Nothing is open.").waitFor();
  await accessible(page);
});

test("a ticket stands there with stage, owner and clock, what somebody wrote as text", async () => {
  const ticket = await openTicket({ amount: 80000 }, HOSTILE);
  const page = await w.open("ann");
  const line = row(page, ticket);
  await line.getByText("Identity check").waitFor();
  assert.match(await line.innerText(), /queued[\s\S]*IRS_Bot[\s\S]*min left/);
  assert.equal(await line.locator('td[data-label="Applicant"]').textContent(), HOSTILE);
  assert.equal(await line.locator("meter").count(), 1);
  await harmless(page);
  await accessible(page);
});

test("a late clock says so in words, stands first, and is found by the filter", async () => {
  await w.sql("SET oms.now = '2026-01-05 10:00Z'");
  const ticket = await openTicket();
  await w.sql("RESET oms.now");
  const page = await w.open("ann");
  assert.equal(await rows(page).first().getAttribute("data-ticket"), ticket);
  assert.match(await row(page, ticket).locator(".clock-late").innerText(), /late by \d+ days/);
  await page.getByRole("link", { name: /late$/ }).click();
  await page.waitForURL("**/?clock=late");
  assert.deepEqual(await rows(page).evaluateAll((all) => all.map((r) => r.getAttribute("data-ticket"))), [ticket]);
});

test("filters narrow it down, and each can be taken back", async () => {
  const permit = await w.one("SELECT oms.open_ticket('Permit', applicant => 'kim@example.org')::text");
  const page = await w.open("ann");
  const shown = () => rows(page).evaluateAll((all) => all.map((r) => r.getAttribute("data-ticket")));
  for (const [label, value] of [["Ticket number", permit.toLowerCase()], ["Ticket number", "pm-2"], ["Applicant", "kim@example.org"], ["Owner", "Desk"]] as const) {
    await page.getByLabel(label).fill(value);
    await page.getByRole("button", { name: "Show" }).click();
    await page.waitForURL("**/?*");
    assert.deepEqual(await shown(), [permit], label);
    await page.getByRole("link", { name: "Show all" }).click();
    await page.waitForURL(/\/$/);
  }
  for (const [label, value, expected] of [["Workflow", "Permit", 1], ["Status", "on_hold", 0], ["Clock", "stands", 1]] as const) {
    await page.goto("/");
    await page.getByLabel(label).selectOption(value);
    await page.getByRole("button", { name: "Show" }).click();
    await page.waitForURL("**/?*");
    assert.equal((await shown()).length, expected, label);
  }
  for (const wrong of ["status=asleep", "clock=cuckoo", "after=x", `q=${"x".repeat(300)}`]) {
    const answer = await page.request.get(`/?${wrong}`);
    assert.equal(answer.status(), 400, wrong);
  }
});

test("pages follow each other without a gap or a double, whatever happens meanwhile", async () => {
  await w.sql("SELECT count(*) FROM oms.open_tickets('Permit', ARRAY(SELECT '{}'::jsonb FROM generate_series(1, 120)))");
  const page = await w.open("ann", "/?workflow=Permit");
  const all = await w.sql<{ id: string }>("SELECT ticket_id::text AS id FROM oms.open_stage WHERE workflow = 'Permit' ORDER BY ticket_id");
  const seen: (string | null)[] = [];
  for (;;) {
    seen.push(...(await rows(page).evaluateAll((some) => some.map((r) => r.getAttribute("data-ticket")))));
    const next = page.getByRole("link", { name: "Next page" });
    if ((await next.count()) === 0) break;
    // One that was seen is finished meanwhile: the next page is where it was.
    if (seen.length === 50) await w.sql("SELECT oms.stage_done($1, 'review')", [all[3]?.id]);
    const from = page.url();
    await next.click();
    await page.waitForURL((at) => at.toString() !== from);
  }
  assert.deepEqual(seen, all.map((r) => r.id));
});

test("what changes is seen at once, in its place", async () => {
  const ticket = await openTicket();
  const page = await w.open("ann", `/?q=${ticket}`);
  await page.locator('#live[data-state="on"]').waitFor();
  const line = row(page, ticket);
  const place = await line.boundingBox();
  await w.sql("SELECT oms.claim_stage($1, 'id_check', 'irs-7')", [ticket]);
  await w.sql("SELECT oms.hold($1, 'id_check', 'documents')", [ticket]);
  await line.getByText("on hold").waitFor();
  assert.deepEqual(await line.boundingBox(), place, "nothing moved");
  await w.sql("SELECT oms.resume($1, 'id_check')", [ticket]);
  await w.sql("SELECT oms.stage_done($1, 'id_check')", [ticket]);
  // The stage that follows is new: it is counted, and does not push others away.
  await line.getByText("no longer open").waitFor();
  await page.getByText(/elsewhere changed/).waitFor();
  assert.deepEqual(await line.boundingBox(), place, "nothing moved");
  await page.reload();
  await row(page, ticket).getByText("risk ai").waitFor();
});

test("who claims a stage is seen by everybody who looks at it, though nothing is announced", async () => {
  const ticket = await openTicket();
  // A first claim would be a change of the public status.
  const claims = async (worker: string) => w.sql("SELECT oms.claim_stage($1, 'id_check', $2)", [ticket, worker]);
  await claims("irs-1");
  const pages = [await w.open("ann", `/?q=${ticket}`), await w.open("bob", `/?q=${ticket}`)];
  for (const page of pages) await page.locator('#live[data-state="on"]').waitFor();
  await w.sql("SELECT oms.release($1, 'id_check')", [ticket]);
  for (const page of pages) await row(page, ticket).getByText("queued").waitFor();
  await claims("irs-2");
  // Far less than the minute after which a page looks by itself.
  for (const page of pages) await row(page, ticket).getByText("irs-2").waitFor();
});

test("an alert is shown with a link to its ticket", async () => {
  const ticket = await openTicket();
  const page = await w.open("ann");
  await page.locator('#live[data-state="on"]').waitFor();
  await w.sql("SELECT oms.escalate($1, 'id_check', 'the applicant calls every day')", [ticket]);
  const alert = page.locator("#alerts li").filter({ hasText: ticket });
  await alert.getByText("Identity check was escalated").waitFor();
  assert.equal(await alert.getByRole("link").getAttribute("href"), `/tickets/${ticket}`);
});

test("the board's restart in the middle: the page says so, and then that its session has ended", async () => {
  const ticket = await openTicket();
  const page = await w.open("ann", `/?q=${ticket}`);
  await page.locator('#live[data-state="on"]').waitFor();
  await w.stopBoard();
  await page.locator('#live[data-state="off"]').waitFor();
  await w.sql("SELECT oms.hold($1, 'id_check', 'documents')", [ticket]);
  await w.startBoard();
  // Sessions ended with the process: so it asks to sign in again.
  await page.getByText("You are signed out").waitFor();
  await page.reload();
  assert.equal(new URL(page.url()).pathname, "/sign-in");
});

test("the database's restart in the middle: a page says so, and lives on", async () => {
  const ticket = await openTicket();
  const page = await w.open("ann", `/?q=${ticket}`);
  await page.locator('#live[data-state="on"]').waitFor();
  await w.restartServer();
  await until("the board answers again", async () => (await page.request.get("/")).ok());
  await w.sql("SELECT oms.hold($1, 'id_check', 'documents')", [ticket]);
  await row(page, ticket).getByText("on hold").waitFor();
});

test("while the database is away a page does not call itself live, and it is again by itself", async () => {
  const ticket = await openTicket();
  const page = await w.open("ann", `/?q=${ticket}`);
  await page.locator('#live[data-state="on"]').waitFor();
  w.stopServer();
  try {
    await page.getByText(/No live updates since \d/).waitFor();
    // Nor does it after it has looked at everything again, as it does once a minute.
    await page.evaluate("import('/assets/stream.js').then(({ ask }) => ask(document.querySelector('[data-rows]').dataset.rows + '?ticket=DL-2026-00001'))");
    assert.equal(await page.locator("#live").getAttribute("data-state"), "off");
    assert.equal((await fetch(`${w.url}/healthz`)).status, 503);
  } finally {
    await w.startServer();
  }
  await page.locator('#live[data-state="on"]').waitFor();
  await w.sql("SELECT oms.hold($1, 'id_check', 'documents')", [ticket]);
  await row(page, ticket).getByText("on hold").waitFor();
});

test("a page whose rows cannot be had does not call itself live, though events come, and asks again by itself", async () => {
  const ticket = await openTicket();
  const page = await w.open("ann", `/?q=${ticket}`);
  await page.locator('#live[data-state="on"]').waitFor();
  // As the board answers when the database did not, while its own connection for events lives.
  await page.route("**/rows?*", (route) => route.fulfill({ status: 503, body: "" }));
  await w.sql("SELECT oms.hold($1, 'id_check', 'documents')", [ticket]);
  await page.getByText(/No live updates since \d/).waitFor();
  await page.unroute("**/rows?*");
  await page.locator('#live[data-state="on"]').waitFor();
  await row(page, ticket).getByText("on hold").waitFor();
});

test("a database that hangs is away: a page says so, requests are answered, and all goes on by itself", async () => {
  const ticket = await openTicket();
  const page = await w.open("ann", `/?q=${ticket}`);
  page.setDefaultTimeout(60_000);
  await page.locator('#live[data-state="on"]').waitFor();
  const cookie = await w.cookie("ann");
  w.freezeServer(true);
  try {
    const answer = await fetch(w.url, { headers: { cookie, accept: "text/html" }, signal: AbortSignal.timeout(60_000) });
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /The database cannot be reached just now/);
    await page.getByText(/No live updates since \d/).waitFor();
  } finally {
    w.freezeServer(false);
  }
  await page.locator('#live[data-state="on"]').waitFor();
  await w.sql("SELECT oms.hold($1, 'id_check', 'documents')", [ticket]);
  await row(page, ticket).getByText("on hold").waitFor();
  // Nor does it keep the board from ending.
  w.freezeServer(true);
  try {
    await w.stopBoard();
  } finally {
    w.freezeServer(false);
  }
  await w.startBoard();
});

test("many tabs of the board share one stream, and leave room for more", async () => {
  const first = await w.open("ann");
  const pages = [first];
  for (let i = 0; i < 8; i++) {
    const page = await first.context().newPage();
    await page.goto("/");
    await page.locator('#live[data-state="on"]').waitFor();
    pages.push(page);
  }
  const ticket = await openTicket();
  await w.sql("SELECT oms.escalate($1, 'id_check', 'everybody hears it')", [ticket]);
  for (const page of pages) await page.locator("#alerts li").filter({ hasText: ticket }).waitFor();
});

test("tabs come and go, the first one too, and those that are there hear everything", async () => {
  const first = await w.open("ann");
  const tabs = [first];
  const another = async () => {
    const page = await first.context().newPage();
    await page.goto("/");
    tabs.push(page);
    return page;
  };
  await another();
  // The oldest goes, a new one comes; in the end there was none for a moment.
  for (let i = 0; i < 5; i++) {
    if (i === 4) await Promise.all(tabs.splice(0).map((page) => page.close()));
    else if (i === 3) await tabs.shift()?.goto("about:blank");
    else await tabs.shift()?.close();
    await another();
    const ticket = await openTicket();
    for (const page of tabs) await page.locator('#live[data-state="on"]').waitFor();
    await w.sql("SELECT oms.escalate($1, 'id_check', 'who is there?')", [ticket]);
    for (const page of tabs) await page.locator("#alerts li").filter({ hasText: ticket }).waitFor();
  }
});

test("in a browser that shares no stream between tabs those that nobody looks at have none", async () => {
  const first = await w.open("ann", "/reports");
  await first.context().addInitScript("delete globalThis.SharedWorker");
  // As many as a browser has connections to a server.
  for (let i = 0; i < 6; i++) {
    const tab = i === 0 ? first : await first.context().newPage();
    await tab.goto("/");
    await tab.locator('#live[data-state="on"]').waitFor();
    await tab.evaluate(`Object.defineProperty(document, "hidden", { get: () => true, configurable: true }); document.dispatchEvent(new Event("visibilitychange"))`);
  }
  const next = await first.context().newPage();
  await next.goto("/");
  await next.locator('#live[data-state="on"]').waitFor();
});

test("a session has a few streams at most", async () => {
  const cookie = await w.cookie("ann");
  const streams: Response[] = [];
  try {
    const statuses: number[] = [];
    for (let i = 0; i < 25; i++) {
      const answer = await fetch(`${w.url}/live`, { headers: { cookie } });
      statuses.push(answer.status);
      streams.push(answer);
    }
    assert.deepEqual(statuses, [...Array<number>(20).fill(200), ...Array<number>(5).fill(429)]);
  } finally {
    await Promise.all(streams.flatMap(({ body }) => (body === null ? [] : [body.cancel()])));
  }
});

test("who may not see tickets sees none, whatever they ask for", async () => {
  const cookie = await w.cookie("mia");
  assert.equal((await fetch(`${w.url}/`, { headers: { cookie }, redirect: "manual" })).headers.get("location"), "/reports");
  for (const path of ["/rows?ticket=DL-2026-00001", "/live"]) assert.equal((await fetch(w.url + path, { headers: { cookie } })).status, 403, path);
  for (const path of ["/", "/rows?ticket=DL-2026-00001", "/live"]) {
    const answer = await fetch(w.url + path, { redirect: "manual" });
    assert.ok(answer.status === 303 || answer.status === 401, path);
    assert.doesNotMatch(await answer.text(), /DL-2026/);
  }
});

test("on a phone nothing but the table is wider than the screen", async () => {
  const page = await w.open("ann", "/", { viewport: { width: 390, height: 800 } });
  assert.equal(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), true);
  await accessible(page);
  await picture(page, "board-phone");
});
