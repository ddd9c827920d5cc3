/** The APIs for programs: the public timeline, and the whole ticket for staff. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { makeLimit } from "../src/limit.js";
import { makeApi } from "../src/routes/api.js";
import { HOSTILE, LOAN, world, type World } from "./_harness.js";

let w: World;
let ticket: string;
let number: string;
const basic = (role: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${role}:${password}`).toString("base64")}` });
const admin = (id: string, headers: Record<string, string> = {}, url = w.url) => fetch(`${url}/admin/ticket/${encodeURIComponent(id)}`, { redirect: "manual", headers });

before(async () => {
  w = await world("api");
  // No time limits: nothing happens by itself.
  await w.sql("SELECT oms.create_workflow($1)", [{ ...LOAN, stages: LOAN.stages.map((s) => ({ ...s, slaMins: undefined })) }]);
  await w.sql("SET oms.now = '2026-03-02 14:03:40.517023+00'");
  ticket = await w.one(`SELECT oms.open_ticket('DisasterLoan', '{"amount": 80000, "account": 12345678901234567890.10}', applicant => 'kim@example.org')::text`);
  await w.sql("SET oms.now = '2026-03-02 14:05:00+00'");
  await w.sql("SELECT oms.comment($1, 'Internal only')", [ticket]);
  await w.sql("SELECT oms.comment($1, $2, public => true)", [ticket, HOSTILE]);
  await w.sql("RESET oms.now");
  number = await w.one("SELECT oms.tracking_number($1)", [ticket]);
});
after(() => w.end());

test("GET /timeline/<tracking number> is what the applicant may see", async () => {
  const answer = await fetch(`${w.url}/timeline/${number}`);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
  assert.deepEqual(await answer.json(), [
    { time: "2026-03-02T14:03:00Z", stage: null, owner: null, status: "received", note: null },
    { time: "2026-03-02T14:03:00Z", stage: "Identity check", owner: null, status: "in progress", note: null },
    { time: "2026-03-02T14:05:00Z", stage: null, owner: null, status: "comment", note: HOSTILE },
  ]);
});

test("unknown, wrong, bare and senseless numbers get the same answer", async () => {
  const answers: string[] = [];
  for (const tried of [number.slice(0, -2) + "00", "DL-2026-98765-7QK3M9ZT4", ticket, "x", "%00", "%ff", "%2e%2e%2fadmin", encodeURIComponent(HOSTILE), "9".repeat(5000)]) {
    const answer = await fetch(`${w.url}/timeline/${tried}`);
    assert.equal(answer.status, 404, tried);
    answers.push(`${answer.headers.get("content-type") ?? ""} ${await answer.text()}`);
  }
  assert.deepEqual(new Set(answers), new Set(['application/json {"error":"No request has this tracking number."}']));
  // Not for staff either: it is the citizens' login that asks.
  assert.equal((await fetch(`${w.url}/timeline/${ticket}`, { headers: { cookie: await w.cookie("ann") } })).status, 404);
});

test("GET /healthz tells load balancers whether the database answers, and nothing else", async () => {
  const answer = await fetch(`${w.url}/healthz`);
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { status: "ok" });
  assert.equal(answer.headers.get("set-cookie"), null);
});

for (const way of ["cookie", "basic"] as const)
  test(`GET /admin/ticket/<id> is the whole ticket for staff (${way})`, async () => {
    const headers: Record<string, string> = way === "cookie" ? { cookie: await w.cookie("ann") } : basic("ann", "ann-demo");
    const answer = await admin(ticket.toLowerCase(), headers);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
    assert.equal(answer.headers.get("cache-control"), "no-store");
    assert.equal(answer.headers.get("set-cookie"), null);
    const text = await answer.text();
    // All digits of a number.
    assert.match(text, /12345678901234567890\.10/);
    const body = JSON.parse(text) as { id: string; applicant: string; stage: string[]; stages: unknown[]; history: { note: string | null }[] };
    assert.equal(body.id, ticket);
    assert.equal(body.applicant, "kim@example.org");
    assert.deepEqual(body.stage, ["id_check"]);
    assert.equal(body.stages.length, 4);
    assert.deepEqual(body.history.map((h) => h.note).filter((n) => n !== null), ["Internal only", HOSTILE]);
  });

test("who is not known is asked, a person by the sign-in page and a program by its status", async () => {
  for (const headers of [{}, { accept: "application/json" }, basic("ann", "wrong"), basic("postgres", "x"), basic("oms_board", "board-demo"), basic("oms_citizen", "citizen-demo"), basic("", ""), { authorization: "Basic !!!" }, { authorization: "Bearer x" }, { cookie: "oms_board=x" }] as Record<string, string>[]) {
    const answer = await admin(ticket, headers);
    assert.equal(answer.status, 401, JSON.stringify(headers));
    assert.match(answer.headers.get("www-authenticate") ?? "", /^Basic realm=/);
    assert.match(await answer.text(), /Please sign in/);
  }
  // The password that is sent counts, not a session beside it.
  assert.equal((await admin(ticket, { cookie: await w.cookie("ann"), ...basic("ann", "wrong") })).status, 401);
  const person = await admin(ticket, { accept: "text/html,application/xhtml+xml" });
  assert.equal(person.status, 303);
  assert.equal(person.headers.get("location"), `/sign-in?next=${encodeURIComponent(`/admin/ticket/${ticket}`)}`);
  assert.equal(person.headers.get("www-authenticate"), null);
});

test("who has not the level is refused, and what there is not is not found", async () => {
  for (const headers of [basic("mia", "mia-demo"), { cookie: await w.cookie("mia") }] as Record<string, string>[]) {
    const answer = await admin(ticket, headers);
    assert.equal(answer.status, 403);
    assert.doesNotMatch(await answer.text(), /Internal only|kim@/);
  }
  const unknown = await admin("DL-2026-98765", basic("ann", "ann-demo"));
  assert.equal(unknown.status, 404);
  assert.deepEqual(await unknown.json(), { error: "unknown ticket: DL-2026-98765" });
  const senseless = await admin(HOSTILE, basic("ann", "ann-demo"));
  assert.equal(senseless.status, 422);
  assert.match(senseless.headers.get("content-type") ?? "", /^application\/json/);
});

test("a program that knows its password is not held up, one that guesses is", async () => {
  const strict = await world("api_strict", { BOARD_SIGN_INS_PER_MINUTE: "3" });
  try {
    for (let i = 0; i < 12; i++) assert.equal((await admin("DL-2026-00001", basic("ann", "ann-demo"), strict.url)).status, 404);
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await admin("DL-2026-00001", basic("ann", `guess ${i}`), strict.url)).status);
    assert.deepEqual(statuses, [401, 401, 401, 429]);
    // What was right a moment ago is still known.
    assert.equal((await admin("DL-2026-00001", basic("ann", "ann-demo"), strict.url)).status, 404);
    assert.equal((await admin("DL-2026-00001", basic("bob", "bob-demo"), strict.url)).status, 429);
  } finally {
    await strict.end();
  }
});

test("the README tells of every address for programs", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const { routes } = makeApi(makeLimit(1));
  assert.ok(routes.length >= 3);
  for (const { method, path } of routes) assert.match(readme, new RegExp(`^\\| \`${method} ${path.replaceAll(/:\w+/g, "<[^>]+>")}\` \\|`, "m"));
});
