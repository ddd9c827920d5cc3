/*
 * Programs as a reader would write them, each run on its own. OMS_SNIPPETS names a folder with others
 * called create_workflow.ts, open_ticket.ts, track_ticket.ts and escalate.ts, which find the ticket's number in a
 * global ticketId.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { claim, getTimeline, stageDone } from "hms-oms-sdk";
import { database, home, program } from "./helpers.js";

await database("sdk_programs");

async function ran(name: string, args: readonly string[] = []): Promise<string> {
  const { code, out, err } = await program(join(home, "test/programs", `${name}.ts`), args).ended;
  assert.equal(code, 0, err);
  assert.equal(err, "");
  return out;
}

test("define, open, look, escalate", async () => {
  await ran("create_workflow");
  const opened = (await ran("open_ticket")).trim();
  assert.match(opened, /^DL-\d{4}-\d{5}$/);
  for (const owner of ["IRS_Bot", "RiskAI"]) {
    const [job] = await claim(owner);
    assert.ok(job);
    await stageDone(job.ticket, job.stage, {}, { token: job.token });
  }
  await claim("SBA_Team", { worker: "kim" });
  await ran("escalate", [opened]);
  assert.ok((await getTimeline(opened, { events: true })).some(({ status, stage }) => status === "escalated" && stage === "underwrite"));

  const lines = (await ran("track_ticket", [opened])).trimEnd().split("\n");
  const cells = lines.map((line) => line.split("│").slice(2, -1).map((cell) => cell.trim()));
  assert.deepEqual(cells[1], ["time", "stage", "owner", "status"]);
  // Over midnight the day is shown, too.
  assert.match(cells[3]?.[0] ?? "", /^(\d{4}-\d\d-\d\d )?\d\d:\d\d$/);
  assert.deepEqual(cells.slice(3, 6).map((row) => row.slice(1)), [
    ["'id_check'", "'IRS_Bot'", "'✅ done'"],
    ["'risk_ai'", "'RiskAI'", "'✅ done'"],
    ["'underwrite'", "'SBA_Team'", "'⏳ in-progress'"],
  ]);
  assert.equal(lines.length, 7);
});

const snippets = process.env["OMS_SNIPPETS"];
test("given programs, each and all in one", { skip: snippets === undefined && "OMS_SNIPPETS is not set" }, async () => {
  const read = (name: string) => readFileSync(join(snippets ?? "", `${name}.ts`), "utf8");
  const folder = mkdtempSync(join(home, "test/given-"));
  try {
    const run = async (name: string, text: string) => {
      const file = join(folder, `${name}.ts`);
      writeFileSync(file, text);
      const { code, out, err } = await program(file).ended;
      assert.equal(code, 0, err);
      return out;
    };
    await run("create_workflow", read("create_workflow"));
    const opened = /[A-Z]{1,4}-\d{4}-\d{5,}/.exec(await run("open_ticket", read("open_ticket")))?.[0] ?? "";
    const global = `(globalThis as Record<string, unknown>)["ticketId"] = "${opened}";\n`;
    writeFileSync(join(folder, "number.ts"), global);
    const withNumber = (text: string) => `import "./number.ts";\n${text}`;
    for (;;) {
      const rows = await getTimeline(opened);
      const last = rows.at(-1);
      if (last === undefined || last.stage === "underwrite") break;
      await stageDone(opened, last.stage);
    }
    await run("escalate", withNumber(read("escalate")));
    assert.match(await run("track_ticket", withNumber(read("track_ticket"))), /underwrite/);
    const story = ["create_workflow", "open_ticket", "track_ticket"].map(read).join("\n");
    assert.match(await run("story", story), /id_check/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

// What console.table drew, cell by cell, without the time: tables of other versions of Node.js are set differently.
function drawn(table: string): (string | undefined)[][] {
  return table.split("\n").filter((line) => line.startsWith("│")).map((line) => line.split("│").slice(3, -1).map((cell) => cell.trim()));
}

test("the program on the front page", async () => {
  await database("sdk_front_page");
  const [, code = "", shown = ""] = /^```ts\n(.*?)^```\n```text\n(.*?)^```$/ms.exec(readFileSync(join(home, "../../README.md"), "utf8")) ?? [];
  const folder = mkdtempSync(join(home, "test/front-"));
  try {
    const file = join(folder, "loan.ts");
    writeFileSync(file, code);
    const { code: status, out, err } = await program(file).ended;
    assert.equal(status, 0, err);
    assert.equal(err, "");
    assert.equal(drawn(shown).length, 3);
    assert.deepEqual(drawn(out), drawn(shown));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
