/** The ticket's page: what stands there, live, and who sees it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { accessible, eventually, HOSTILE, harmless, picture, until } from "./_harness.js";
import { begin, open, page, row, said, send, stage, w } from "./_ticket.js";

/** As long as a name may be. */
const NAME = `</text><script>window.hacked=3</script>"'&#x3c;\u202Egnol`;

before(() => begin("ticket"));
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
