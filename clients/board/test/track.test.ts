/** The citizen's tracker: what it shows, to whom, and that nothing else can be reached from it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { makeApp } from "../src/app.js";
import { makeWatch } from "../src/watch.js";
import type { Board } from "../src/web.js";
import { accessible, eventually, HOSTILE, harmless, LOAN, picture, until, world, type World } from "./_harness.js";

let w: World;
let ticket: string;
let number: string;

const look = (tracking: string, url = w.url) => fetch(`${url}/track`, { method: "POST", redirect: "manual", headers: { origin: url }, body: new URLSearchParams({ number: tracking }) });

/** A right number with its last letter changed. */
const wrong = () => number.slice(0, -1) + (number.endsWith("7") ? "8" : "7");

before(async () => {
  w = await world("track");
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
  ticket = await w.one(`SELECT oms.open_ticket('DisasterLoan', '{"amount": 80000}', applicant => 'kim@example.org')::text`);
  number = await w.one("SELECT oms.tracking_number($1)", [ticket]);
});
after(() => w.end());

test("an applicant sees where the request stands, in plain words, without signing in", async () => {
  await w.sql("SELECT oms.stage_done($1, 'id_check')", [ticket]);
  await w.sql("SELECT oms.comment($1, 'Secret suspicion', 'risk_ai')", [ticket]);
  await w.sql("SELECT oms.comment($1, 'Your papers arrived.', public => true)", [ticket]);
  await w.sql("SELECT oms.escalate($1, 'risk_ai', 'Too slow')", [ticket]);
  const page = await w.open(undefined, "/track");
  await accessible(page);
  await picture(page, "track-form");
  // As people type it.
  await page.getByLabel("Tracking number").fill(` ${number.toLowerCase().replaceAll("-", "–")} `);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: ticket }).waitFor();
  await page.getByText("Your request is being worked on. You do not have to do anything now.").waitFor();
  await page.getByText(/^We expect to finish it by \w+ \d+, \d{4} at/).waitFor();
  const steps = page.getByRole("list", { name: "Steps" }).getByRole("listitem");
  await eventually(() => steps.allInnerTexts().then((all) => all.map((s) => s.split(/\s*\n\s*/))), [["✓", "Identity check", "done"], ["◐", "risk ai", "being worked on"], ["○", "Payment", "not started yet"]]);
  const happened = await page.getByRole("list", { name: "What happened so far" }).innerText();
  assert.match(happened, /We received your request[\s\S]*Identity check: work began[\s\S]*Identity check: done[\s\S]*A message for you\s+Your papers arrived\./);
  const all = await page.content();
  assert.doesNotMatch(all, /Secret suspicion|Too slow|escalat|kim@example\.org|IRS_Bot|RiskAI|Underwriting|80000/);
  // It is in the part of the address that stays in the browser, so in no log and no Referer.
  assert.ok(page.url().startsWith(`${w.url}/track#`));
  assert.deepEqual(await page.context().cookies(), []);
  await accessible(page);
  await picture(page, "track", true);
  await page.context().close();
});

test("on a phone nothing is wider than the screen, and on paper only what counts is left", async () => {
  const page = await w.open(undefined, "/track", { viewport: { width: 360, height: 740 } });
  await page.getByLabel("Tracking number").fill(number);
  await page.getByRole("button", { name: "Show my request" }).click();
  await page.getByRole("heading", { name: "Steps" }).waitFor();
  assert.ok((await page.evaluate<number>("document.documentElement.scrollWidth")) <= 360);
  await picture(page, "track-phone", true);
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.getByLabel("Tracking number").isVisible(), false);
  assert.equal(await page.getByRole("button", { name: "Print this page" }).isVisible(), false);
  assert.equal(await page.getByRole("list", { name: "Steps" }).isVisible(), true);
  await page.context().close();
});

test("a result has an address that can be kept, which no server sees", async () => {
  const page = await w.open(undefined, "/track");
  const sent: string[] = [];
  page.on("request", (request) => sent.push(request.url(), request.headers()["referer"] ?? ""));
  await page.goto(`/track#${number}`);
  await page.reload();
  const result = page.getByRole("heading", { level: 1, name: ticket });
  await result.waitFor();
  assert.equal(page.url(), `${w.url}/track#${number}`);
  await eventually(() => page.evaluate("document.activeElement?.tagName"), "H1");
  // Another one, and back; and loaded again.
  await page.getByLabel("Tracking number").fill(wrong());
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "No request found" }).waitFor();
  await page.goBack();
  await result.waitFor();
  await page.goBack();
  await page.goForward();
  await result.waitFor();
  await page.reload();
  await result.waitFor();
  assert.deepEqual(sent.filter((text) => text.includes(number.slice(-9))), []);
  await page.context().close();
});

test("an address that servers would see shows nothing", async () => {
  for (const path of [`/track?number=${number}`, `/track?again=${number}`, `/track/${number}`, `/track?${number}`]) {
    const text = await (await fetch(w.url + path)).text();
    assert.ok(!text.includes(ticket), path);
  }
});

test("without scripts the result has an address as well, to which Back leads", async () => {
  const page = await w.open(undefined, "/track", { javaScriptEnabled: false });
  await page.getByLabel("Tracking number").fill(number);
  await page.keyboard.press("Enter");
  const result = page.getByRole("heading", { level: 1, name: ticket });
  await result.waitFor();
  assert.match(page.url(), /\/track\?again=[\w-]{22}$/);
  await page.goto("/sign-in");
  await page.goBack();
  await result.waitFor();
  await page.context().close();
});

test("it says what the applicant has to do, and when it is over", async () => {
  const asked = `Send your lease ${HOSTILE.slice(0, 40)}`;
  await w.sql("SELECT oms.set_hold_reason('papers', waiting_on => 'applicant', public_label => $1)", [asked]);
  const other = await w.one("SELECT oms.open_ticket('DisasterLoan', '{\"amount\": 1}')::text");
  await w.sql("SELECT oms.hold($1, 'id_check', 'papers')", [other]);
  const page = await w.open(undefined, "/track");
  const show = async () => {
    await page.goto("/track");
    await page.getByLabel("Tracking number").fill(await w.one("SELECT oms.tracking_number($1)", [other]));
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: other }).waitFor();
    return page.getByRole("region", { name: "How it stands" }).innerText();
  };
  assert.ok((await show()).startsWith(`We need something from you: ${asked}\n`));
  await page.getByText(/^If we get it now, we expect to finish by/).waitFor();
  assert.match(await page.getByRole("list", { name: "Steps" }).innerText(), /!\s+Identity check\s+waiting for you/);
  await harmless(page);
  await accessible(page);
  await w.sql("SELECT oms.cancel_ticket($1, 'Withdrawn by a secret')", [other]);
  assert.match(await show(), /was cancelled/);
  assert.doesNotMatch(await page.content(), /Withdrawn/);
  await page.context().close();
});

test("what people wrote stays text", async () => {
  // With the sign that turns what follows.
  const name = `\u202E${HOSTILE.slice(0, 59)}`;
  await w.sql("SELECT oms.create_workflow($1)", [{ name, prefix: "H", stages: [{ id: "a", owner: "o", label: name, publicOwner: name }] }]);
  const id = await w.one("SELECT oms.open_ticket($1)::text", [name]);
  await w.sql("SELECT oms.comment($1, $2, public => true)", [id, HOSTILE + "x".repeat(500)]);
  const page = await w.open(undefined, "/track", { viewport: { width: 360, height: 740 } });
  await page.getByLabel("Tracking number").fill(await w.one("SELECT oms.tracking_number($1)", [id]));
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".history .note").textContent(), HOSTILE + "x".repeat(500));
  assert.equal(await page.locator(".step-name").textContent(), name.replaceAll("_", " "));
  assert.ok((await page.evaluate<number>("document.documentElement.scrollWidth")) <= 360);
  await harmless(page);
  await page.context().close();
});

test("unknown, wrong, bare and senseless numbers get the same page, byte for byte", async () => {
  const unknown = await w.one("SELECT left($1, -5) || '98765'", [ticket]);
  const answers: { status: number; headers: object; body: string }[] = [];
  for (const tried of [wrong(), unknown, `${unknown}-7QK3M9ZT4`, ticket, "", "x", "DL-2026", `${number}-1`, "\0", "\uD800", HOSTILE, "9".repeat(100_000), "' OR true --", "DL-2026-99999999999-7QK3M9ZT4"]) {
    const answer = await look(tried);
    const headers: Record<string, string> = {};
    answer.headers.forEach((value, name) => {
      if (name !== "date") headers[name] = value;
    });
    answers.push({ status: answer.status, headers, body: await answer.text() });
  }
  assert.equal(answers[0]?.status, 404);
  assert.match(answers[0].body, /We found no request with this tracking number/);
  assert.match(answers[0].body, /What you can do/);
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  const page = await w.open(undefined, "/track");
  await page.getByLabel("Tracking number").fill(wrong());
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "We found no request" }).waitFor();
  await accessible(page);
  await page.context().close();
});

test("a wrong number takes as long as an unknown one", async () => {
  // Fresh numbers: those that were guessed often are answered slowly on purpose.
  const times: Record<"wrong" | "unknown", number[]> = { wrong: [], unknown: [] };
  await look(wrong());
  const median = (all: number[]) => all.sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? NaN;
  let asked = 0;
  // What a machine does beside this is once on one side and once on the other; a difference of ours is always there.
  await until("one takes as long as the other", async () => {
    for (let i = 0; i < 15; i++) {
      const fresh = await w.one("SELECT oms.open_ticket('DisasterLoan')::text");
      const none = fresh.replace(/\d{5}$/, String(50000 + asked++));
      for (const [kind, tried] of [["wrong", fresh], ["unknown", none]] as const) {
        const start = performance.now();
        await (await look(`${tried}-7QK3M9ZT4`)).text();
        times[kind].push(performance.now() - start);
      }
    }
    const [a, b] = [median(times.wrong), median(times.unknown)];
    return Math.abs(a - b) < 0.5 * Math.max(a, b) + 5;
  });
});

test("it may not be indexed or kept, and is not told elsewhere", async () => {
  for (const answer of [await fetch(`${w.url}/track`), await look(number), await look(wrong()), await fetch(`${w.url}/timeline/${number}`)]) {
    assert.match(answer.headers.get("x-robots-tag") ?? "", /noindex/);
    assert.equal(answer.headers.get("cache-control"), "no-store");
    assert.match(answer.headers.get("referrer-policy") ?? "", /^(same-origin|no-referrer)$/);
    assert.equal(answer.headers.get("set-cookie"), null);
  }
});

test("staff who are signed in use it as everybody does", async () => {
  const page = await w.open("ann", "/track");
  // Through the citizens' login: the bare number, with which staff see everything, shows nothing.
  await page.getByLabel("Tracking number").fill(ticket);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "No request found" }).waitFor();
  await page.getByLabel("Tracking number").fill(number);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: ticket }).waitFor();
  assert.doesNotMatch(await page.content(), /Secret suspicion/);
  await page.context().close();
});

/** What stands in an address for the parts of a route that are not a ticket's number. */
const SOME: Record<string, string> = { name: "DisasterLoan", stage: "id_check", file: "sla.csv", seq: "1" };

test("who is not signed in reaches no page but those for everybody", async () => {
  const nothing = {} as Board["db"];
  const app = makeApp({ settings: { attemptsPerMinute: 1, signInsPerMinute: 1 } as Board["settings"], db: nothing, live: {} as Board["live"], watch: makeWatch(nothing) });
  const open = new Set(["/sign-in", "/welcome", "/track", "/timeline/:number", "/healthz", "/favicon.ico"]);
  const paths = [...new Set(app.routes.filter((r) => r.method === "GET" && !r.path.startsWith("/assets/")).map((r) => r.path))].filter((path) => !open.has(path));
  assert.ok(paths.length >= 8, paths.join());
  for (const path of paths) {
    const at = path.replaceAll(/:(\w+)(\{[^}]*\})?\??/g, (_, name: string) => SOME[name] ?? ticket);
    const answer = await fetch(w.url + at, { redirect: "manual", headers: { accept: "text/html" } });
    assert.ok(answer.status === 303 || answer.status === 401, `${path}: ${answer.status}`);
    if (answer.status === 303) assert.match(answer.headers.get("location") ?? "", /^\/sign-in/, path);
    assert.doesNotMatch(await answer.text(), /kim@example\.org|Secret suspicion|IRS_Bot/, path);
  }
  for (const route of app.routes.filter((r) => r.method === "POST" && !["/sign-in", "/sign-out", "/track"].includes(r.path))) {
    const at = route.path.replaceAll(/:(\w+)(\{[^}]*\})?\??/g, (_, name: string) => SOME[name] ?? ticket);
    const answer = await fetch(w.url + at, { method: "POST", redirect: "manual", headers: { origin: w.url }, body: new URLSearchParams({ definition: "{}" }) });
    assert.ok([303, 401, 403].includes(answer.status), `${route.path}: ${answer.status}`);
    if (answer.status === 303) assert.match(answer.headers.get("location") ?? "", /^\/sign-in/, route.path);
  }
});

test("the citizens' login has no right on anything else in the database", async () => {
  const relations = await w.sql<{ relname: string }>(
    `SELECT c.relname FROM pg_class c WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND relkind IN ('r', 'v', 'p', 'm', 'f', 'S')
       AND CASE WHEN relkind = 'S' THEN has_sequence_privilege('oms_citizen', c.oid, 'USAGE, SELECT, UPDATE')
           ELSE has_any_column_privilege('oms_citizen', c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege('oms_citizen', c.oid, 'DELETE, TRUNCATE') END`,
  );
  // The list of functions by task, which help() shows everybody, and the ranges of numbers, by which a client finds the database of a ticket.
  assert.deepEqual(relations.map((r) => r.relname).sort(), ["help_task", "number_range"]);
  const functions = await w.sql<{ name: string }>(
    `SELECT DISTINCT p.proname AS name FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
       AND has_function_privilege('oms_citizen', p.oid, 'EXECUTE') AND p.proname NOT LIKE 'ticket_id%' AND p.proname <> 'text' ORDER BY 1`,
  );
  assert.deepEqual(functions.map((f) => f.name), ["breached", "dispatch_channel", "get_timeline", "help", "track", "version"]);
  const citizen = new pg.Client({ user: "oms_citizen", password: "citizen-demo", database: await w.one("SELECT current_database()") });
  await citizen.connect();
  try {
    for (const sql of ["SELECT oms.get_ticket($1)", "SELECT FROM oms.ticket WHERE ticket_id = $1", "SELECT FROM oms.timeline WHERE ticket_id = $1", "SELECT oms.tracking_number($1)", "SELECT oms.comment($1, 'x')", "SELECT * FROM oms.get_timeline($1::oms.ticket_id)"])
      await citizen.query(sql, [ticket]).then(
        ({ rowCount }) => {
          assert.ok(sql.includes("get_timeline") && rowCount === 0, sql);
        },
        (error: unknown) => {
          assert.equal((error as { code?: string }).code, "42501", sql);
        },
      );
    for (const role of ["ann", "ada", "oms_board", "postgres"]) await assert.rejects(citizen.query(`SET ROLE ${role}`), { code: "42501" });
  } finally {
    await citizen.end();
  }
});

test("guessing is slowed down: too many attempts by one address have to wait", async () => {
  const strict = await world("track_strict", { BOARD_ATTEMPTS_PER_MINUTE: "3" });
  try {
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) statuses.push((await look("DL-2026-00001-7QK3M9ZT4", strict.url)).status);
    const refused = await look("DL-2026-00001-7QK3M9ZT4", strict.url);
    statuses.push(refused.status);
    statuses.push((await fetch(`${strict.url}/timeline/DL-2026-00001-7QK3M9ZT4`)).status);
    // To look at the form is no attempt.
    statuses.push((await fetch(`${strict.url}/track`)).status);
    assert.deepEqual(statuses, [404, 404, 404, 429, 429, 200]);
    assert.match(await refused.text(), /too many attempts[\s\S]*Wait a minute/);
  } finally {
    await strict.end();
  }
});

test("without a login for citizens there is no tracker", async () => {
  const none = await world("track_none", { BOARD_CITIZEN_USER: "", BOARD_CITIZEN_PASSWORD: "" });
  try {
    assert.equal((await fetch(`${none.url}/track`)).status, 404);
    assert.equal((await look("DL-2026-00001-7QK3M9ZT4", none.url)).status, 404);
    assert.equal((await fetch(`${none.url}/timeline/DL-2026-00001-7QK3M9ZT4`)).status, 404);
  } finally {
    await none.end();
  }
});
