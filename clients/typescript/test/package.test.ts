/*
 * The package as others get it: packed, installed into an empty project, imported and compiled against.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { home, run, scratch, start } from "./helpers.js";

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

test("package.json says what it is, and where in the repository it stands", () => {
  const about = JSON.parse(readFileSync(join(project, "node_modules/hms-oms-sdk/package.json"), "utf8")) as {
    keywords: string[]; files: string[]; repository: { type: string; directory: string };
  };
  assert.ok(about.keywords.includes("workflow"));
  assert.deepEqual(about.files, ["dist", "docs"]);
  assert.equal(join(home, "../..", about.repository.directory, "/"), home);
  assert.ok(readdirSync(join(home, "../..")).includes("oms.control"));
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

/** A folder with a module in it that uses the package. */
function module(name: string, code: string): string {
  const file = join(project, name);
  writeFileSync(file, code);
  return file;
}

test("the newest TypeScript compiles against it, without types of Node.js and as it is set up by default", async (t) => {
  const newest = join(home, "node_modules/typescript-newest");
  const { engines } = JSON.parse(readFileSync(join(newest, "package.json"), "utf8")) as { engines?: { node?: string } };
  const needs = Number(/\d+/.exec(engines?.node ?? "0")?.[0]);
  if (Number(process.versions.node.split(".")[0]) < needs) {
    t.skip(`it needs Node.js ${needs}`);
    return;
  }
  mkdirSync(join(project, "plain"));
  cpSync(join(project, "src/work.ts"), join(project, "plain/work.ts"));
  writeFileSync(join(project, "plain/tsconfig.json"), JSON.stringify({
    compilerOptions: { strict: true, module: "NodeNext", target: "ES2022", noEmit: true, skipLibCheck: false, types: [] },
    include: ["."],
  }));
  await run(process.execPath, [join(newest, "bin/tsc"), "-p", join(project, "plain")]);
});

test("require() works where Node.js takes an ES module for it, and says what is wrong where it does not", async () => {
  const file = module("old.cjs", 'console.log(typeof require("hms-oms-sdk").openTicket);\n');
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const ran = await start(process.execPath, [file], { cwd: project }).ended;
  if (major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)) assert.equal(ran.out.trim(), "function");
  else assert.match(ran.err, /ERR_REQUIRE_ESM/);
});

test("it can be bundled as the README says", async () => {
  module("bundle.js", 'import { OmsError } from "hms-oms-sdk"; console.log(OmsError.name);\n');
  await run(join(home, "node_modules/.bin/esbuild"), [
    "bundle.js", "--bundle", "--platform=node", "--format=esm", "--external:pg", "--outfile=bundled.js", "--log-level=error",
  ], { cwd: project });
  assert.equal((await run(process.execPath, ["bundled.js"], { cwd: project })).out.trim(), "OmsError");
  // Everything in one file: as CommonJS.
  await run(join(home, "node_modules/.bin/esbuild"), [
    "bundle.js", "--bundle", "--platform=node", "--format=cjs", "--outfile=bundled.cjs", "--log-level=error",
  ], { cwd: project });
  assert.equal((await run(process.execPath, ["bundled.cjs"], { cwd: project })).out.trim(), "OmsError");
});

test("its README says how to get it, as long as no registry has it", () => {
  const text = readFileSync(join(home, "README.md"), "utf8");
  assert.match(text, /It is not on npm: `make sdk`/);
  assert.match(text, /^npm ci && npm pack /m);
  assert.doesNotMatch(text, /npm (install|i|add) hms-oms-sdk\b/);
});

test("its README leads nowhere that is not in the package", () => {
  const text = readFileSync(join(home, "README.md"), "utf8");
  for (const [, to = ""] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
    if (!/^https?:/.test(to)) assert.ok(packed.includes(to), to);
  }
});

test("packing without the compiler says what to do", async () => {
  const bare = mkdtempSync(join(scratch, "bare-"));
  for (const name of ["package.json", "src", "tsconfig.json", "tsconfig.build.json"]) cpSync(join(home, name), join(bare, name), { recursive: true });
  const ran = await start("npm", ["pack"], { cwd: bare }).ended;
  assert.notEqual(ran.code, 0);
  assert.match(ran.err, /run npm ci first/);
  assert.doesNotMatch(ran.err, /tsc: not found/);
});
