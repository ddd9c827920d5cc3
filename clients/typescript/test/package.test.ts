/*
 * The package as others get it: packed, installed into an empty project, imported and compiled against.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { home, run, scratch } from "./helpers.js";

const project = mkdtempSync(join(scratch, "project-"));
let packed: string[] = [];

before(async () => {
  // Built and documented before, so not again.
  const { out } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project]);
  const [about] = JSON.parse(out) as { filename: string; files: { path: string }[] }[];
  assert.ok(about);
  packed = about.files.map(({ path }) => path);
  writeFileSync(join(project, "package.json"), '{ "name": "empty", "private": true, "type": "module" }\n');
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", join(project, about.filename)], { cwd: project });
});

test("it has what is needed and nothing else", () => {
  for (const file of ["package.json", "README.md", "LICENSE", "dist/index.js", "dist/index.d.ts", "docs/api.md"]) {
    assert.ok(packed.includes(file), `${file} is missing`);
  }
  for (const file of packed) assert.match(file, /^(package\.json|README\.md|LICENSE|docs\/api\.md|dist\/[a-z]+\.(js|d\.ts))$/);
  const { dependencies } = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as { dependencies: object };
  assert.deepEqual(Object.keys(dependencies), ["pg"]);
});

test("no file tells where it was made", () => {
  const lock = readFileSync(join(home, "package-lock.json"), "utf8");
  assert.doesNotMatch(lock, /"resolved"|file:|\/home\/|\/tmp\//);
});

test("plain JavaScript imports it and reaches the server", async () => {
  writeFileSync(join(project, "plain.js"), `
    import { OmsError, close, createWorkflow, openTicket, version, worker } from "hms-oms-sdk";
    await createWorkflow({ name: "Packed", stages: [{ id: "a", owner: "A" }] }).catch((e) => {
      if (!(e.code === "3F000")) throw e;
    });
    console.log(typeof worker, OmsError.name, typeof openTicket, typeof version);
    await close();
  `);
  const { out, err } = await run(process.execPath, ["plain.js"], { cwd: project, env: { PGDATABASE: "template1" } });
  assert.equal(err, "");
  assert.equal(out.trim(), "function OmsError function function");
});

test("a strict project compiles against it without further types", async () => {
  mkdirSync(join(project, "src"));
  cpSync(join(home, "test/programs/create_workflow.ts"), join(project, "src/create_workflow.ts"));
  writeFileSync(join(project, "src/work.ts"), `
    import { StaleToken, type Job, worker } from "hms-oms-sdk";
    export const w = worker("A", (job: Job) => ({ took: job.attempt }));
    export const gone = (e: unknown): boolean => e instanceof StaleToken && e.code === "OM006";
  `);
  // What the README shows, each block a function, with what the text around it takes for granted.
  const blocks = [...readFileSync(join(home, "README.md"), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? "");
  assert.ok(blocks.length >= 6);
  writeFileSync(join(project, "src/readme.ts"), [
    'import * as oms from "hms-oms-sdk";',
    `const { ${Object.keys(await import("hms-oms-sdk")).join(", ")} } = oms;`,
    "declare const ticket: string, ein: string;",
    ...blocks.map((code, i) => `export async function block${i}() {\n${code.replace(/^import .*$/gm, "")}\n}`),
  ].join("\n"));
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({
    compilerOptions: {
      strict: true, module: "NodeNext", target: "ES2022", lib: ["ES2022"], noEmit: true, skipLibCheck: false,
      typeRoots: [join(home, "node_modules/@types")], types: ["node"],
    },
    include: ["src"],
  }));
  await run(process.execPath, [join(home, "node_modules/typescript/bin/tsc"), "-p", project]);
});
