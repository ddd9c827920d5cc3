/**
 * A board of its own for each file of tests: a database with oms on the server that test.sh started (its roles
 * are those of demo/roles.sql, the password is the name and "-demo"), the server of the board, and Chromium.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import pg from "pg";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

const require = createRequire(import.meta.url);
const here = join(dirname(fileURLToPath(import.meta.url)), "..");
/** What comes by itself comes long before; so much less than the minute after which pages look by themselves that they do not. */
const WAIT_MS = 40_000;

/** What nobody should ever see run, in places where people write. */
export const HOSTILE = `<script>window.hacked=1</script>"'>&lt;img src=x onerror=window.hacked=2>\u202Egnol`;

export interface World {
  /** As the superuser of the database. */
  sql<T extends pg.QueryResultRow = pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
  /** The first column of the first row. */
  one<T = string>(text: string, values?: unknown[]): Promise<T>;
  url: string;
  /** A new browser window; with a role, signed in as it. */
  open(role?: string, path?: string, options?: BrowserContextOptions): Promise<Page>;
  /** A cookie of a session, for requests without a browser. */
  cookie(role: string): Promise<string>;
  stopBoard(): Promise<void>;
  startBoard(): Promise<void>;
  restartServer(): Promise<void>;
  stopServer(): void;
  startServer(): Promise<void>;
  /** Its processes stand still: what is connected stays so, and nothing is answered; or they go on. */
  freezeServer(still: boolean): void;
  end(): Promise<void>;
}

function need(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run clients/board/test.sh`);
  return value;
}

function pgCtl(command: "start" | "stop" | "restart"): void {
  const data = need("OMS_SERVER");
  const options = command === "start" ? [] : ["-m", "fast"];
  const { status, stderr } = spawnSync("pg_ctl", ["-D", data, ...options, "-w", "-s", "-l", `${data}.log`, command], { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  assert.equal(status, 0, stderr);
}

/** The processes of the server, those that serve connections included. */
function serverProcesses(): number[] {
  const main = readFileSync(join(need("OMS_SERVER"), "postmaster.pid"), "utf8").split("\n")[0] ?? "";
  const { stdout } = spawnSync("ps", ["--ppid", main, "-o", "pid="], { encoding: "utf8" });
  return [main, ...stdout.trim().split(/\s+/)].map(Number);
}

export async function world(name: string, env: Record<string, string> = {}): Promise<World> {
  const database = `board_${name}`;
  const first = new pg.Client({ user: "postgres", database: "postgres" });
  await first.connect();
  await first.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  await first.query(`CREATE DATABASE ${database}`);
  await first.end();
  let client = await connect();
  await client.query("SET client_min_messages = warning");
  await client.query("CREATE EXTENSION oms");
  for (const [role, level] of [["oms_citizen", "citizen"], ["ada", "admin"], ["ann", "staff"], ["bob", "staff"], ["mia", "monitor"], ["oms_wall", "monitor"]])
    await client.query("SELECT oms.grant_access($1, $2)", [role, level]);

  async function connect() {
    const made = new pg.Client({ user: "postgres", database });
    // It breaks when a test restarts the server.
    made.on("error", () => undefined);
    await made.connect();
    return made;
  }

  let board: ChildProcess | undefined;
  let url = "";
  let port = "0";
  const noise: string[] = [];
  async function startBoard() {
    const child = spawn(process.execPath, [join(here, "dist", "main.js")], {
      cwd: here,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env, PGUSER: "oms_board", PGPASSWORD: "board-demo", PGDATABASE: database, BOARD_PORT: port,
        BOARD_CITIZEN_USER: "oms_citizen", BOARD_CITIZEN_PASSWORD: "citizen-demo", BOARD_ATTEMPTS_PER_MINUTE: "1000",
        // On a busy machine, too, a page shows what stands now.
        BOARD_WAIT_MS: "20000", ...env,
      },
    });
    board = child;
    url = await new Promise<string>((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error("the board did not start"));
      }, WAIT_MS);
      child.stdout.on("data", (data: Buffer) => {
        const found = /http:\S+:(\d+)\//.exec(data.toString());
        if (found === null) return;
        clearTimeout(late);
        port = found[1] ?? port;
        resolve(found[0].slice(0, -1));
      });
      child.stderr.on("data", (data: Buffer) => {
        noise.push(data.toString());
      });
      child.on("exit", (code) => {
        clearTimeout(late);
        reject(new Error(`the board ended with ${code}: ${noise.join("")}`));
      });
    });
  }
  async function stopBoard() {
    const child = board;
    board = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      child.on("exit", () => {
        resolve();
      });
      child.kill("SIGTERM");
    });
  }
  await startBoard();

  const browser: Browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const complaints: string[] = [];

  return {
    async sql<T extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
      return (await client.query<T>(text, values)).rows;
    },
    async one<T>(text: string, values: unknown[] = []) {
      const row = (await client.query<Record<string, unknown>>(text, values)).rows[0];
      return (row === undefined ? undefined : Object.values(row)[0]) as T;
    },
    get url() {
      return url;
    },
    async open(role, path = "/", options = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, baseURL: url, ...options });
      // For the other tabs of it, too.
      context.setDefaultTimeout(WAIT_MS);
      const page = await context.newPage();
      // A script that was refused, or one that failed, is never right.
      page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
      page.on("console", (message) => {
        if (/Content Security Policy|Content-Security-Policy/.test(message.text())) complaints.push(`${page.url()}: ${message.text()}`);
      });
      if (role === undefined) {
        await page.goto(path);
        return page;
      }
      await page.goto(`/sign-in?next=${encodeURIComponent(path)}`);
      await page.getByLabel("User name").fill(role);
      await page.getByLabel("Password").fill(`${role}-demo`);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.waitForURL((at) => at.pathname !== "/sign-in");
      return page;
    },
    async cookie(role) {
      const answer = await fetch(`${url}/sign-in`, {
        method: "POST", redirect: "manual", headers: { origin: url },
        body: new URLSearchParams({ role, password: `${role}-demo`, next: "/" }),
      });
      assert.equal(answer.status, 303);
      return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    },
    startBoard,
    stopBoard,
    async restartServer() {
      pgCtl("restart");
      client = await connect();
    },
    stopServer: () => {
      pgCtl("stop");
    },
    async startServer() {
      pgCtl("start");
      client = await connect();
    },
    freezeServer: (still) => {
      for (const pid of serverProcesses()) process.kill(pid, still ? "SIGSTOP" : "SIGCONT");
    },
    async end() {
      await browser.close();
      await stopBoard();
      await client.end().catch(() => undefined);
      client = new pg.Client({ user: "postgres", database: "postgres" });
      await client.connect();
      await client.query(`DROP DATABASE ${database} WITH (FORCE)`);
      await client.end();
      assert.deepEqual(complaints, [], "pages complained");
    },
  };
}

/** Polls until something holds. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, ms = WAIT_MS): Promise<void> {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Reads until it is what is expected: what a page shows after an action comes when it comes. */
export async function eventually<T>(read: () => Promise<T> | T, expected: T): Promise<void> {
  const end = Date.now() + WAIT_MS;
  let found = await read();
  while (!isDeepStrictEqual(found, expected) && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    found = await read();
  }
  assert.deepEqual(found, expected);
}

/** Does what leads to another page, and waits until that is there with its scripts: the one before may look the same. */
export async function leads(page: Page, act: () => Promise<unknown>): Promise<void> {
  await Promise.all([page.waitForEvent("load"), act()]);
}

interface AxeResult {
  violations: { id: string; impact: string | null; help: string; nodes: { html: string; failureSummary?: string }[] }[];
}
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** axe-core finds nothing serious or worse on the page, and no two landmarks of one name, in light and in dark. */
export async function accessible(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(axe);
    const { violations } = await page.evaluate<AxeResult>("axe.run(document, { resultTypes: ['violations'] })");
    const bad = violations.filter((v) => v.impact === "serious" || v.impact === "critical" || v.id === "landmark-unique");
    assert.deepEqual(bad.map((v) => `${v.id} (${colorScheme}): ${v.help}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary ?? ""}`).slice(0, 3).join(" | ")}`), []);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}

/** Texts with the sign that turns what follows, where something follows in the same line that is not theirs. */
const TURNED = `(() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (!node.nodeValue.includes("\u202E") || node.parentElement.closest("textarea, option, script, pre, svg")) continue;
    let box = node.parentElement;
    const style = () => getComputedStyle(box);
    while (style().display === "inline" && !style().unicodeBidi.startsWith("isolate")) box = box.parentElement;
    if (style().display !== "inline" && box.textContent.trim() !== node.nodeValue.trim()) found.push(box.outerHTML.slice(0, 200));
  }
  return found;
})()`;

/** Nothing that somebody wrote has become part of the page, or turns the text beside it. */
export async function harmless(page: Page): Promise<void> {
  assert.deepEqual(await page.evaluate<string[]>(TURNED), []);
  assert.equal(await page.evaluate("window.hacked"), undefined);
  assert.equal(await page.locator("img[src=x], [onerror], main script").count(), 0);
}

/** A picture for the documentation, if they are asked for. */
export async function picture(page: Page, name: string, fullPage = false): Promise<void> {
  const folder = process.env["OMS_SCREENSHOTS"];
  if (folder === undefined || folder === "") return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage, animations: "disabled" });
}

/** A workflow of four stages, the brief's loan. */
export const LOAN = {
  name: "DisasterLoan", prefix: "DL", owner: "SBA",
  stages: [
    { id: "id_check", owner: "IRS_Bot", label: "Identity check", slaMins: 5 },
    { id: "risk_ai", owner: "RiskAI", slaMins: 15, dependsOn: ["id_check"] },
    { id: "underwrite", owner: "SBA_Team", label: "Underwriting", publicOwner: "Small Business Administration", slaMins: 240, dependsOn: ["risk_ai"], minAmount: 50000 },
    { id: "fund", owner: "Treasury_Bot", label: "Payment", slaMins: 60, dependsOn: ["underwrite"] },
  ],
};
