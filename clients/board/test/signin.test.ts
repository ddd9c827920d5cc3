/** Signing in, and what protects a session and its forms. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openDatabase } from "../src/db.js";
import { isRoleLost, rightsOf, type Session } from "../src/session.js";
import { readSettings } from "../src/settings.js";
import { accessible, eventually, LOAN, until, world, type World } from "./_harness.js";

let w: World;
before(async () => {
  w = await world("signin");
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
  await w.sql("SELECT oms.set_hold_reason('documents')");
  await w.sql("SELECT oms.open_ticket('DisasterLoan')");
});
after(() => w.end());

test("a person signs in with a role of the database, comes to the page that was asked for, and leaves", async () => {
  const page = await w.open(undefined, "/?status=queued");
  assert.equal(new URL(page.url()).pathname, "/sign-in");
  await accessible(page);
  await page.getByLabel("User name").fill("ann");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "Name or password is not right" }).waitFor();
  await page.getByLabel("User name").fill("ann");
  await page.getByLabel("Password").fill("ann-demo");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/?status=queued");
  const cookie = (await page.context().cookies()).find(({ name }) => name === "oms_board");
  assert.ok(cookie?.httpOnly && cookie.sameSite === "Lax");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/sign-in");
  // The cookie itself is void, not only gone from this browser.
  await page.context().addCookies([cookie]);
  await page.goto("/");
  assert.equal(new URL(page.url()).pathname, "/sign-in");
});

for (const [who, role, password] of [
  ["a superuser", "postgres", "x"], ["the board itself", "oms_board", "board-demo"], ["the citizens' login", "oms_citizen", "citizen-demo"],
  ["a role that is none", "nobody-here", "x"], ["no password", "ann", ""], ["somebody who tries SQL", "ann'; DROP ROLE ann; --", "ann-demo"],
] as const)
  test(`${who} does not get in`, async () => {
    const answer = await fetch(`${w.url}/sign-in`, {
      method: "POST", redirect: "manual", headers: { origin: w.url }, body: new URLSearchParams({ role, password }),
    });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("set-cookie"), null);
    assert.match(await answer.text(), /Name or password is not right/);
  });

test("where to go after the sign-in is a page of the board, never one elsewhere", async () => {
  for (const next of ["https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)", "/\t/evil.example"]) {
    const answer = await fetch(`${w.url}/sign-in`, {
      method: "POST", redirect: "manual", headers: { origin: w.url }, body: new URLSearchParams({ role: "ann", password: "ann-demo", next }),
    });
    assert.equal(answer.headers.get("location"), "/", next);
  }
});

test("a form without its token changes nothing, nor one sent from elsewhere", async () => {
  const cookie = await w.cookie("ann");
  for (const [headers, body] of [
    [{ origin: w.url }, {}],
    [{ origin: w.url }, { csrf: "A".repeat(43) }],
    [{ origin: "https://evil.example" }, { csrf: "x" }],
  ] as const) {
    const answer = await fetch(`${w.url}/sign-out`, { method: "POST", redirect: "manual", headers: { cookie, ...headers }, body: new URLSearchParams(body) });
    assert.equal(answer.status, 403);
  }
  const still = await fetch(`${w.url}/`, { headers: { cookie }, redirect: "manual" });
  assert.equal(still.status, 200);
});

test("every answer has the headers that keep a page to itself, and is not kept", async () => {
  const cookie = await w.cookie("ann");
  for (const path of ["/", "/sign-in", "/no-such-page", "/rows"]) {
    const answer = await fetch(w.url + path, { headers: { cookie } });
    const policy = answer.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'/, path);
    assert.doesNotMatch(policy, /unsafe/, path);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(answer.headers.get("x-frame-options"), "DENY", path);
    assert.equal(answer.headers.get("cache-control"), "no-store", path);
    const text = await answer.text();
    assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=/i, path);
    assert.doesNotMatch(text, /-demo/, path);
  }
});

test("the login of the board can do nothing by itself", async () => {
  assert.equal(
    await w.one(`SELECT count(*)::int FROM pg_proc p WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND has_function_privilege('oms_board', p.oid, 'EXECUTE')`),
    0,
  );
  assert.equal(
    await w.one(`SELECT count(*)::int FROM pg_class c WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND relkind IN ('r', 'v', 'p') AND has_table_privilege('oms_board', c.oid, 'SELECT')`),
    0,
  );
});

test("who loses the role is out at once; who loses the level sees nothing more", async () => {
  await w.sql("CREATE ROLE tom LOGIN PASSWORD 'tom-demo'");
  await w.sql("GRANT tom TO oms_board");
  await w.sql("SELECT oms.grant_access('tom', 'staff')");
  try {
    const cookie = await w.cookie("tom");
    assert.equal((await fetch(`${w.url}/`, { headers: { cookie } })).status, 200);
    await w.sql("SELECT oms.revoke_access('tom')");
    assert.equal((await fetch(`${w.url}/`, { headers: { cookie } })).status, 403);
    await w.sql("SELECT oms.grant_access('tom', 'staff')");
    await w.sql("REVOKE tom FROM oms_board");
    assert.equal((await fetch(`${w.url}/`, { headers: { cookie } })).status, 403);
  } finally {
    await w.sql("SELECT oms.revoke_access('tom')");
    await w.sql("DROP ROLE tom");
  }
});

test("who may not log in any more, or whose password has run out, is signed out", async () => {
  await w.sql("CREATE ROLE una LOGIN PASSWORD 'una-demo'");
  await w.sql("GRANT una TO oms_board");
  await w.sql("SELECT oms.grant_access('una', 'staff')");
  const login = { PGUSER: "oms_board", PGPASSWORD: "board-demo", PGDATABASE: await w.one("SELECT current_database()::text") };
  Object.assign(process.env, login);
  const db = openDatabase(readSettings({}));
  try {
    const rights = () => rightsOf(db, { role: "una", rights: new Set<string>(), rightsAt: 0 } as unknown as Session);
    assert.ok((await rights()).has("get_ticket"));
    for (const [away, back] of [["NOLOGIN", "LOGIN"], ["VALID UNTIL '2001-01-01'", "VALID UNTIL 'infinity'"]] as const) {
      await w.sql(`ALTER ROLE una ${away}`);
      await assert.rejects(rights(), (error) => isRoleLost(error), away);
      await w.sql(`ALTER ROLE una ${back}`);
      assert.ok((await rights()).has("get_ticket"));
    }
  } finally {
    await db.end();
    for (const name of Object.keys(login)) Reflect.deleteProperty(process.env, name);
    await w.sql("SELECT oms.revoke_access('una')");
    await w.sql("DROP ROLE una");
  }
});

test("a form that was refused is still there, with what was typed, after Back and after loading it again", async () => {
  const id = await w.one("SELECT oms.open_ticket('DisasterLoan')::text");
  const page = await w.open("ann", `/tickets/${id}/hold?stage=id_check`);
  await page.getByLabel("Another reason").fill("They moved");
  await page.getByLabel("Reason", { exact: true }).selectOption("documents");
  await page.getByRole("button", { name: "Put on hold" }).click();
  const problem = page.getByRole("alert").filter({ hasText: "There are two reasons" });
  await problem.waitFor();
  const still = async () => {
    await problem.waitFor();
    await eventually(() => page.getByLabel("Another reason").inputValue(), "They moved");
  };
  await page.reload();
  await still();
  await page.goto("/");
  await page.goBack();
  await still();
  // What was kept is nobody else's.
  const other = await w.open("bob", page.url().slice(w.url.length));
  assert.equal(await other.getByText("They moved").count(), 0);
  await eventually(() => other.getByLabel("Another reason").inputValue(), "");
  await page.getByLabel("Reason", { exact: true }).selectOption("");
  await page.getByRole("button", { name: "Put on hold" }).click();
  await page.getByText("is on hold.").waitFor();
});

test("Back leads to what a wrong password and a form that was too old were answered with", async () => {
  const page = await w.open(undefined, "/sign-in?next=/inbox");
  await page.getByLabel("Name").fill("ann");
  await page.getByLabel("Password").fill("wrong");
  await page.keyboard.press("Enter");
  const problem = page.getByRole("alert").filter({ hasText: "not right" });
  await problem.waitFor();
  await page.goto("/track");
  await page.goBack();
  await problem.waitFor();
  await page.getByLabel("Name").fill("ann");
  await page.getByLabel("Password").fill("ann-demo");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/inbox");
  await page.evaluate("document.querySelector('form.who input').value = 'old'");
  await page.getByRole("button", { name: "Sign out" }).click();
  const old = page.getByText("This form is out of date.");
  await old.waitFor();
  await page.goto("/");
  await page.goBack();
  await old.waitFor();
});

test("too many attempts by one address have to wait", async () => {
  const strict = await world("strict", { BOARD_SIGN_INS_PER_MINUTE: "3" });
  try {
    // Those who know their password are none of them, however many they are.
    for (let i = 0; i < 5; i++)
      assert.equal((await fetch(`${strict.url}/sign-in`, { method: "POST", redirect: "manual", headers: { origin: strict.url }, body: new URLSearchParams({ role: "ann", password: "ann-demo" }) })).status, 303);
    const statuses: number[] = [];
    await until("a refusal", async () => {
      const answer = await fetch(`${strict.url}/sign-in`, {
        method: "POST", redirect: "manual", headers: { origin: strict.url }, body: new URLSearchParams({ role: "ann", password: "guess" }),
      });
      statuses.push(answer.status);
      if (answer.status === 429) assert.equal(answer.headers.get("retry-after"), "20");
      return answer.status === 429;
    });
    assert.deepEqual(statuses, [401, 401, 401, 429]);
  } finally {
    await strict.end();
  }
});

test("behind a proxy that speaks TLS, forms come from there, addresses from the proxy, and the cookie stays on TLS", async () => {
  const behind = await world("proxy", { BOARD_BEHIND_PROXY: "1", BOARD_SIGN_INS_PER_MINUTE: "2" });
  try {
    const send = (from: string, origin: string, password = "ann-demo") =>
      fetch(`${behind.url}/sign-in`, {
        method: "POST", redirect: "manual", headers: { origin, "x-forwarded-proto": "https", "x-forwarded-for": `203.0.113.9, ${from}` },
        body: new URLSearchParams({ role: "ann", password }),
      });
    const right = await send("192.0.2.1", behind.url.replace("http:", "https:"));
    assert.equal(right.status, 303);
    assert.match(right.headers.get("set-cookie") ?? "", /; Secure/);
    assert.match(right.headers.get("strict-transport-security") ?? "", /max-age/);
    assert.equal((await send("192.0.2.1", behind.url)).status, 403);
    // What the last proxy says counts, not what the browser made up before it.
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await send("192.0.2.2", behind.url.replace("http:", "https:"), "guess")).status);
    assert.deepEqual(statuses, [401, 401, 429]);
    assert.equal((await send("192.0.2.3", behind.url.replace("http:", "https:"))).status, 303);
  } finally {
    await behind.end();
  }
});

test("where the database checks no passwords, nobody is let in", async () => {
  // What anybody may call themselves says nothing.
  const { appendFileSync, readFileSync, writeFileSync } = await import("node:fs");
  const file = `${process.env["OMS_SERVER"] ?? ""}/pg_hba.conf`;
  const as = readFileSync(file, "utf8");
  writeFileSync(file, "local all all trust\n");
  await w.sql("SELECT pg_reload_conf()");
  try {
    await until("the new rules", async () => {
      const answer = await fetch(`${w.url}/sign-in`, {
        method: "POST", redirect: "manual", headers: { origin: w.url }, body: new URLSearchParams({ role: "ann", password: "ann-demo" }),
      });
      if (answer.status === 303) return false;
      assert.equal(answer.status, 503);
      return true;
    });
  } finally {
    writeFileSync(file, "");
    appendFileSync(file, as);
    await w.sql("SELECT pg_reload_conf()");
  }
});
