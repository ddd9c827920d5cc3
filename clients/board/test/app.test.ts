/** What a session and its stream outlive, without a server: the database answers what a test says. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeApp } from "../src/app.js";
import type { Database } from "../src/db.js";
import { makeLimit, networkOf } from "../src/limit.js";
import type { Listener } from "../src/live.js";
import { beginSession } from "../src/session.js";
import { readSettings } from "../src/settings.js";
import { makeWatch } from "../src/watch.js";
import { asRefused } from "../src/web.js";
import { until } from "./_harness.js";

const REVOKED = Object.assign(new Error('permission denied to set role "ann"'), { code: "42501" });

/** A board on a database that knows rights only; undefined: the board may not act for the role. */
function make(state: { rights: string[] | undefined; password?: string }, env: Record<string, string> = {}) {
  const listeners = new Set<Listener>();
  const db = {
    as: (_: string, work: (query: unknown) => Promise<unknown>) => {
      if (state.rights === undefined) return Promise.reject(REVOKED);
      const rows = state.rights.map((name) => ({ name }));
      // Whoever has no rights may log in all the same.
      return work({ rows: (sql: string) => Promise.resolve(sql.includes("rolcanlogin") ? [{}] : rows) });
    },
    hasCitizen: false,
    signIn: (_: string, password: string) => Promise.resolve(state.password === undefined || password === state.password),
  } as unknown as Database;
  const live = {
    subscribe(listener: Listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    state: () => ({ kind: "resync" as const }),
    end: () => Promise.resolve(),
  };
  const app = makeApp({ settings: readSettings({ BOARD_BEHIND_PROXY: "1", BOARD_SIGN_INS_PER_MINUTE: "2", ...env }), db, live, watch: makeWatch(db) });
  const cookie = `oms_board=${beginSession("ann", 60)}`;
  const ask = (path: string, init: RequestInit = {}) =>
    Promise.resolve(app.request(`http://board.test${path}`, { ...init, headers: { cookie, "x-forwarded-for": "192.0.2.1", "sec-fetch-site": "same-origin", ...(init.headers as Record<string, string> | undefined) } }));
  const say = (ticket: string) => {
    for (const listener of listeners) listener({ kind: "status", ticket, data: { ticket } });
  };
  return { ask, say, listeners };
}

/** Rights are asked for again after half a minute; a test does not wait for it. */
function later(t: { mock: { method(o: object, name: string, as: () => number): unknown } }): void {
  const now = Date.now();
  t.mock.method(Date, "now", () => now + 31_000);
}

const signIn = { method: "POST", body: new URLSearchParams({ role: "bob", password: "x" }) };

test("who may no longer be acted for is signed out, and can sign in as somebody else", async (t) => {
  const state: { rights: string[] | undefined } = { rights: ["get_ticket"] };
  const { ask } = make(state);
  assert.equal((await ask("/welcome")).status, 200);
  state.rights = undefined;
  later(t);
  const answer = await ask("/");
  assert.deepEqual([answer.status, answer.headers.get("location")], [303, "/sign-in?next=%2F"]);
  state.rights = ["get_ticket"];
  assert.equal((await ask("/sign-in", signIn)).status, 303);
});

test("signing in again beside a session, by a form that is older than it", async () => {
  const { ask } = make({ rights: ["get_ticket"] });
  assert.equal((await ask("/sign-in", signIn)).status, 303);
});

async function hear(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { done, value } = await reader.read();
  return done ? "the end" : new TextDecoder().decode(value);
}

for (const [what, rights] of [["the level", ["sla_report"]], ["the role", undefined]] as const)
  test(`who loses ${what} hears nothing more`, async (t) => {
    const state: { rights: string[] | undefined } = { rights: ["get_ticket"] };
    const { ask, say, listeners } = make(state);
    const reader = (await ask("/live")).body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    assert.match(await hear(reader), /event: resync/);
    say("DL-2026-00001");
    assert.match(await hear(reader), /DL-2026-00001/);
    state.rights = rights === undefined ? undefined : [...rights];
    later(t);
    say("DL-2026-00002");
    assert.equal(await hear(reader), "the end");
    assert.equal(listeners.size, 0);
  });

test("a stream that nobody reads is none", async () => {
  const { ask, listeners } = make({ rights: ["get_ticket"] });
  assert.equal((await ask("/live", { method: "HEAD" })).status, 200);
  assert.equal(listeners.size, 0);
  const stream = await ask("/live");
  assert.equal(listeners.size, 1);
  await stream.body?.cancel();
  await until("the end of the stream", () => listeners.size === 0);
});

test("a screen on a wall is let in for as long as its line stands there, a person for twelve hours", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "oms-tv-"));
  const file = join(folder, "screens");
  writeFileSync(file, `# the ground floor\nlobby ${createHash("sha256").update("a token").digest("hex")}\n`);
  try {
    const { ask } = make({ rights: ["get_ticket"] }, { BOARD_TV_FILE: file, BOARD_TV_ROLE: "oms_wall" });
    const answer = await ask("/tv", { method: "POST", body: new URLSearchParams({ token: "a token" }) });
    assert.equal(answer.status, 204);
    const cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? "";
    const head = (path: string, headers: Record<string, string> = {}) => ask(path, { method: "HEAD", headers });
    assert.deepEqual([(await head("/live")).status, (await head("/tv/live", { cookie })).status], [200, 200]);
    const now = Date.now();
    t.mock.method(Date, "now", () => now + 400 * 86_400_000);
    assert.deepEqual([(await head("/live")).status, (await head("/tv/live", { cookie })).status], [401, 200]);
    writeFileSync(file, "");
    assert.equal((await head("/tv/live", { cookie })).status, 401);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a body that is no form is refused, and is no fault of the board", async (t) => {
  const error = t.mock.method(console, "error", () => undefined);
  const { ask } = make({ rights: ["get_ticket"] });
  const broken = { method: "POST", headers: { "content-type": "multipart/form-data; boundary=x" }, body: "--x\r\nno form" };
  assert.equal((await ask("/sign-in", broken)).status, 400);
  assert.equal((await ask("/sign-out", broken)).status, 400);
  assert.equal(error.mock.callCount(), 0);
});

test("attempts are counted for an address, of IPv6 for its network and its site", async () => {
  const { ask } = make({ rights: [], password: "right" });
  const statuses: number[] = [];
  for (const from of ["2001:db8::1", "2001:db8:0:0:f00::2", "2001:DB8::3", "2001:db8:0:1::1"])
    statuses.push((await ask("/sign-in", { ...signIn, headers: { "x-forwarded-for": from } })).status);
  assert.deepEqual(statuses, [401, 401, 429, 401]);
  // A customer with many networks is still one.
  const limit = makeLimit(2);
  const tried = Array.from({ length: 20 }, (_, i) => limit.take(networkOf(`2001:db8:5:${i.toString(16)}::1`)));
  assert.equal(tried.filter(Boolean).length, 8);
  assert.ok(limit.take(networkOf("2001:db8:6::1")));
  assert.deepEqual(
    ["192.0.2.1", "::ffff:192.0.2.1", "fe80::1%eth0", "::1", "2001:db8:1:2:3:4:5:6", "unknown", ""].map(networkOf),
    ["192.0.2.1", "192.0.2.1", "fe80:0:0:0", "0:0:0:0", "2001:db8:1:2", "unknown", ""],
  );
  // However an address of IPv4 is written as one of IPv6, it is one person's.
  assert.deepEqual(
    ["::ffff:c000:201", "0:0:0:0:0:FFFF:192.0.2.1", "0000:0000:0000:0000:0000:ffff:c000:0201", "64:ff9b::192.0.2.1", "::ffff:192.0.2.1%eth0"].map(networkOf),
    Array<string>(5).fill("192.0.2.1"),
  );
  const mapped = makeLimit(1);
  assert.deepEqual(["::ffff:c000:201", "192.0.2.1", "::ffff:192.0.2.2", "::ffff:c000:203"].map((from) => mapped.take(networkOf(from))), [true, false, true, true]);
});

test("a connection that broke or could not be had is said to be so", () => {
  for (const text of ["Connection terminated unexpectedly", "timeout exceeded when trying to connect", "Connection terminated due to connection timeout", "Query read timeout"])
    assert.equal(asRefused(new Error(text))?.status, 503, text);
  assert.equal(asRefused(new TypeError("undefined is not a function")), undefined);
});

test("a page that answers a form has an address, for the session that sent it and no other", async () => {
  const { ask } = make({ rights: [], password: "right" });
  const html = { accept: "text/html" };
  const answer = await ask("/sign-in", { ...signIn, headers: html });
  assert.equal(answer.status, 303);
  const address = answer.headers.get("location") ?? "";
  assert.match(address, /^\/sign-in\?again=[\w-]{22}$/);
  const kept = await ask(address);
  assert.deepEqual([kept.status, (await kept.text()).includes("not right")], [401, true]);
  const other = await ask(address, { headers: { cookie: "" } });
  assert.deepEqual([other.status, (await other.text()).includes("not right")], [200, false]);
  // A program hears it at once.
  assert.equal((await ask("/sign-in", signIn)).status, 401);
});

test("pages, scripts and styles are compressed, the icon is where browsers look", async () => {
  const { ask } = make({ rights: [] });
  const headers = { "accept-encoding": "gzip" };
  const answer = await ask("/assets/board.css", { headers });
  assert.deepEqual([answer.status, answer.headers.get("content-encoding")], [200, "gzip"]);
  const again = await ask("/assets/board.css", { headers: { ...headers, "if-none-match": answer.headers.get("etag") ?? "" } });
  assert.equal(again.status, 304);
  const icon = await ask("/favicon.ico");
  assert.equal((await ask(icon.headers.get("location") ?? "")).headers.get("content-type"), "image/svg+xml");
  const page = await ask("/welcome", { headers });
  assert.equal(page.headers.get("content-encoding"), "gzip");
  const stream = await ask("/live", { headers });
  assert.deepEqual([stream.status, stream.headers.get("content-encoding")], [403, "gzip"]);
});

test("a stream is not compressed, which would hold it back", async () => {
  const { ask } = make({ rights: ["get_ticket"] });
  const stream = await ask("/live", { headers: { "accept-encoding": "gzip" } });
  assert.deepEqual([stream.status, stream.headers.get("content-encoding")], [200, null]);
  await stream.body?.cancel();
});

test("the token of the forms is written again each time, so that the length of a page tells nothing about it", async () => {
  const { ask } = make({ rights: [] });
  const token = async () => /name="csrf" value="([^"]+)"/.exec(await (await ask("/welcome")).text())?.[1] ?? "";
  const [one, two] = [await token(), await token()];
  assert.ok(one.length > 80 && one !== two && one.slice(43) !== two.slice(43));
  const leave = (csrf: string) => ask("/sign-out", { method: "POST", body: new URLSearchParams({ csrf }) });
  for (const wrong of ["", "x", one.slice(1), one.slice(43), one.slice(0, 43) + two.slice(43), "A".repeat(86)]) assert.equal((await leave(wrong)).status, 403, wrong);
  assert.equal((await leave(one)).status, 303);
});

test("the port is in use: make board says so before anything else, and so does the board", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.on("listening", resolve));
  const { port } = taken.address() as AddressInfo;
  try {
    const script = new URL("../../../tools/board.sh", import.meta.url).pathname;
    const { status, stdout, stderr } = spawnSync("bash", [script], { encoding: "utf8", env: { ...process.env, BOARD_PORT: String(port), BOARD_PICTURES: "" } });
    assert.deepEqual([status, stdout, stderr], [1, "", `port ${port} is in use: BOARD_PORT=9000 make board listens elsewhere\n`]);
    const board = spawnSync(process.execPath, [new URL("../dist/main.js", import.meta.url).pathname], { encoding: "utf8", env: { ...process.env, PGHOST: "/nowhere", BOARD_PORT: String(port) } });
    assert.equal(board.status, 1);
    assert.match(board.stderr, new RegExp(`^the board cannot listen at 127\\.0\\.0\\.1, port ${port}: .*EADDRINUSE`));
  } finally {
    taken.close();
  }
});

test("the board ends with the npm that started it", async () => {
  const npm = spawn("npm", ["-s", "start"], { cwd: new URL("..", import.meta.url), stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, PGHOST: "/nowhere", BOARD_PORT: "0" } });
  const url = await new Promise<string>((resolve) => {
    npm.stdout.on("data", (data: Buffer) => {
      const [found] = /http:\S+/.exec(data.toString()) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  assert.equal((await fetch(`${url}healthz`)).status, 503);
  npm.kill("SIGTERM");
  await until("nobody listens", () => fetch(`${url}healthz`).then(() => false, () => true));
});

test("the proxy that the README shows speaks HTTP/2 and says where a request comes from", () => {
  const [, proxy = ""] = /^```nginx\n(.*?)^```$/ms.exec(readFileSync(new URL("../README.md", import.meta.url), "utf8")) ?? [];
  for (const line of [/^listen 443 .*\bhttp2;$/m, /X-Forwarded-For \$remote_addr;$/m, /X-Forwarded-Proto \$scheme;$/m]) assert.match(proxy, line);
});

test("who does not send a request to its end is let go", async () => {
  const main = new URL("../dist/main.js", import.meta.url).pathname;
  // It listens before there is a database.
  const board = spawn(process.execPath, [main], { stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, PGHOST: "/nowhere", BOARD_PORT: "0" } });
  try {
    const port = await new Promise<number>((resolve) => {
      board.stdout.on("data", (data: Buffer) => {
        resolve(Number(/:(\d+)\/$/m.exec(data.toString().trim())?.[1]));
      });
    });
    const start = performance.now();
    // The head, or the body. Node's own limits are one minute and five.
    const heard = await Promise.all(
      ["POST /sign-in HTTP/1.1\r\nHost: board.test\r\n", "POST /sign-in HTTP/1.1\r\nHost: board.test\r\nOrigin: http://board.test\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nrole=ann"].map(
        (sent) =>
          new Promise<{ text: string; ms: number }>((resolve) => {
            const socket = connect(port, "127.0.0.1");
            let text = "";
            socket.on("data", (data: Buffer) => (text += data.toString()));
            socket.on("close", () => {
              resolve({ text, ms: performance.now() - start });
            });
            socket.write(sent);
          }),
      ),
    );
    for (const { text } of heard) assert.match(text, /^HTTP\/1.1 408 /);
    assert.ok(heard.every(({ ms }, i) => ms < (i === 0 ? 60_000 : 300_000)), heard.map(({ ms }) => ms).join());
  } finally {
    board.kill();
  }
});
