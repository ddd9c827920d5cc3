/** The board on a wall: it never signs itself out, sees what it is for and nothing else, and can be shut out. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeApp } from "../src/app.js";
import { readSettings } from "../src/settings.js";
import { accessible, eventually, LOAN, until, world, type World } from "./_harness.js";

const folder = mkdtempSync(join(tmpdir(), "oms-tv-"));
const file = join(folder, "screens");
let w: World;

/** The address of a new screen. */
function screen(name: string): { status: number | null; address: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync("npm", ["run", "-s", "screen", "--", name], { encoding: "utf8", env: { ...process.env, BOARD_TV_FILE: file } });
  return { status, address: stdout.trim(), stderr };
}

/** The cookie of a screen, for requests without a browser. */
async function cookieOf(address: string): Promise<string> {
  const answer = await fetch(`${w.url}/tv`, { method: "POST", headers: { origin: w.url }, body: new URLSearchParams({ token: address.split("#")[1] ?? "" }) });
  assert.equal(answer.status, 204);
  const cookie = answer.headers.get("set-cookie") ?? "";
  assert.match(cookie, /HttpOnly/);
  assert.match(cookie, /Path=\/tv/);
  return cookie.split(";")[0] ?? "";
}

const openTicket = () => w.one("SELECT oms.open_ticket('DisasterLoan', '{\"amount\": 80000, \"secret\": \"salary 4711\"}', applicant => 'Kim Applicant')::text");

before(async () => {
  // People are signed out at once here.
  w = await world("tv", { BOARD_TV_FILE: file, BOARD_TV_ROLE: "oms_wall", BOARD_IDLE_MINUTES: "0" });
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
});
after(async () => {
  await w.end();
  rmSync(folder, { recursive: true });
});

test("a command makes the token of a screen, and keeps no more than its hash", () => {
  const { status, address } = screen("front desk");
  assert.equal(status, 0);
  assert.match(address, /^\/tv#[\w-]{43}$/);
  const text = readFileSync(file, "utf8");
  assert.match(text, /^front desk [0-9a-f]{64}\n$/);
  assert.ok(!text.includes(address.slice(4)));
  const again = screen("front desk");
  assert.equal(again.status, 1);
  assert.match(again.stderr, /there is a screen "front desk"/);
  assert.equal(readFileSync(file, "utf8"), text);
  assert.throws(() => readSettings({ BOARD_TV_FILE: file }), /belong together/);
});

test("a screen shows what is open, and what changes, long after a person would be signed out", async () => {
  const cookie = await w.cookie("ann");
  const ticket = await openTicket();
  await w.sql("SELECT oms.claim_stage($1, 'id_check', 'Worker Wanda')", [ticket]);
  const page = await w.open(undefined, screen("lobby").address, { viewport: { width: 1920, height: 1080 } });
  const row = (id: string) => page.locator("#wall tr").filter({ hasText: id });
  await row(ticket).getByText("min left").waitFor();
  await accessible(page);
  await page.locator('#live[data-state="on"]').waitFor();
  const next = await openTicket();
  await row(next).getByText("Identity check").waitFor();
  await page.locator("#wall tr").filter({ hasText: "IRS_Bot" }).first().waitFor();
  await until("all of it is on the screen", () => page.evaluate<boolean>("document.documentElement.scrollHeight <= window.innerHeight && document.documentElement.scrollWidth <= window.innerWidth"));
  assert.equal((await fetch(`${w.url}/inbox`, { headers: { cookie }, redirect: "manual" })).status, 303);
  // Who stands in front of it reads no names, and there is nowhere to go.
  assert.doesNotMatch(await page.content(), /Kim Applicant|Worker Wanda|4711/);
  assert.equal(await page.locator("main a, header a, button").count(), 0);
  // The token is in no address that was asked for.
  assert.deepEqual(await page.evaluate("performance.getEntriesByType('resource').map((e) => e.name).filter((n) => n.includes(location.hash.slice(1)))"), []);
});

test("what stands there when updates stop is marked, and lives again by itself", async () => {
  const page = await w.open(undefined, screen("hall").address);
  await page.locator('#live[data-state="on"]').waitFor();
  const lines = () => page.evaluate<string>("getComputedStyle(document.getElementById('wall')).outlineStyle");
  await eventually(lines, "none");
  const ticket = await w.one("SELECT ticket_id::text FROM oms.ticket ORDER BY oms.ticket.ticket_id LIMIT 1");
  await w.stopBoard();
  await page.getByText(/No updates.*This is how it was at \d/).waitFor();
  await eventually(lines, "dashed");
  assert.ok((await page.locator("#wall").innerText()).includes(ticket));
  await w.startBoard();
  // Cookies ended with the process; the token did not.
  await page.getByText("Live", { exact: true }).waitFor({ timeout: 60_000 });
  await eventually(lines, "none");
});

test("a board of people marks what may be old as well", async () => {
  const page = await w.open(undefined, "/sign-in");
  assert.equal(await page.evaluate("document.body.dataset.stale ?? 'no'"), "no");
  await page.evaluate(`(async () => {
    document.querySelector("main").innerHTML = '<p id="live"><span id="live-words"></span></p><table><tbody data-rows="/rows"></tbody></table>';
    (await import("/assets/stream.js")).say("off", "No live updates since 14:02");
  })()`);
  assert.equal(await page.evaluate("getComputedStyle(document.querySelector('[data-rows]')).outlineStyle"), "dashed");
});

test("a line that is gone shuts its screen out, ends its stream, and no other's", async () => {
  const { address } = screen("cellar");
  const other = await cookieOf(screen("attic").address);
  const cookie = await cookieOf(address);
  const page = await w.open(undefined, address);
  await page.locator("#wall tr").first().waitFor();
  const stream = (await fetch(`${w.url}/tv/live`, { headers: { cookie } })).body?.getReader();
  const heard = async () => {
    const { done, value } = (await stream?.read()) ?? { done: true, value: undefined };
    return done ? "the end" : new TextDecoder().decode(value);
  };
  let first = "";
  await until("the stream begins", async () => (first += await heard()).includes("event: changed\ndata: {}"));
  writeFileSync(file, readFileSync(file, "utf8").replace(/^cellar .*\n/m, ""));
  assert.equal((await fetch(`${w.url}/tv/wall`, { headers: { cookie } })).status, 401);
  assert.equal((await fetch(`${w.url}/tv/wall`, { headers: { cookie: other } })).status, 200);
  const ticket = await openTicket();
  await until("the end of the stream", async () => {
    const text = await heard();
    assert.ok(!text.includes(ticket));
    return text === "the end";
  });
  await page.getByText("no valid token").waitFor();
  await eventually(() => page.locator("#wall").innerText(), "");
});

test("without a token, with a wrong one, or without its file there is nothing to see", async () => {
  const nowhere = await w.open(undefined, "/tv");
  await nowhere.getByText("no valid token").waitFor();
  const page = await w.open(undefined, `/tv#${"A".repeat(43)}`);
  await page.getByText("no valid token").waitFor();
  // The name and the hash are no token.
  const [line = ""] = readFileSync(file, "utf8").split("\n");
  for (const token of [line, line.split(" ").at(-1) ?? "", "", "front desk"]) {
    const answer = await fetch(`${w.url}/tv`, { method: "POST", headers: { origin: w.url }, body: new URLSearchParams({ token }) });
    assert.deepEqual([answer.status, answer.headers.get("set-cookie")?.includes("oms_tv=;") ?? true], [401, true]);
  }
  const cookie = await cookieOf(screen("roof").address);
  const text = readFileSync(file, "utf8");
  for (const broken of [text.replaceAll(/[0-9a-f]{64}/g, "$& x"), ""]) {
    writeFileSync(file, broken);
    assert.equal((await fetch(`${w.url}/tv/wall`, { headers: { cookie } })).status, 401);
  }
  rmSync(file);
  assert.equal((await fetch(`${w.url}/tv/wall`, { headers: { cookie } })).status, 401);
  writeFileSync(file, text);
  assert.equal((await fetch(`${w.url}/tv/wall`, { headers: { cookie } })).status, 200);
});

test("a screen can change nothing, and sees no page but the wall", async () => {
  const ticket = await openTicket();
  const cookie = await cookieOf(screen("stairs").address);
  const events = () => w.one<number>("SELECT (SELECT count(*) FROM oms.timeline) + (SELECT count(*) FROM oms.workflow) + (SELECT count(*) FROM oms.ticket)");
  const before = await events();
  const { routes } = makeApp({ settings: readSettings({}) } as Parameters<typeof makeApp>[0]);
  const paths = [...new Set(routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`))];
  assert.ok(paths.length > 20);
  const seen: string[] = [];
  for (const line of paths) {
    const [method = "", path = ""] = line.split(" ");
    const url = w.url + path.replace(":id", ticket).replace(":action", "comment").replace(/:number\b/, ticket).replaceAll(/:\w+(\{[^}]*\})?/g, "DisasterLoan");
    const answer = await fetch(url, {
      method, redirect: "manual", headers: { cookie, origin: w.url },
      ...(method === "POST" ? { body: new URLSearchParams({ text: "a note", note: "a note", stage: "id_check", reason: "r", definition: "{}" }) } : {}),
    });
    const text = await answer.text();
    if (answer.status === 200 && !/\/(assets|sign-in|track|healthz|timeline)/.test(path)) seen.push(line);
    assert.doesNotMatch(text, new RegExp(`${ticket}|Kim Applicant|4711`), line);
  }
  // /welcome is for whoever has no level, and says nothing.
  assert.deepEqual(seen, ["GET /welcome"]);
  assert.equal(await events(), before);
});
