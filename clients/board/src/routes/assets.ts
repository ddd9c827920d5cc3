/** Styles and scripts: those of public/, and of packages that are served as they are. */
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Hono } from "hono";
import type { Env, Web } from "../web.js";

const here = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "public");
const require = createRequire(import.meta.url);
const TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
};
/** Files of packages, by the name under which they are served. */
const PACKAGES: Record<string, string> = {
  "chart.js": join(dirname(require.resolve("chart.js")), "chart.umd.js"),
};

/** The editor and the packages that it needs, as the build has put them together. */
const EDITOR = join(here, "..", "dist", "editor.js");

export const assets = new Hono<Env>();

assets.get("/editor.js", (c) => sendFile(c, EDITOR));

assets.get("/vendor/:name", (c) => {
  const file = Object.hasOwn(PACKAGES, c.req.param("name")) ? PACKAGES[c.req.param("name")] : undefined;
  if (file === undefined) return c.notFound();
  c.header("content-type", "text/javascript; charset=utf-8");
  c.header("cache-control", "public, max-age=3600");
  return c.body(Readable.toWeb(createReadStream(file)) as ReadableStream);
});

assets.get("/:name{[a-z-]+\\.(css|js|svg)}", (c) => sendFile(c, join(here, c.req.param("name"))));

/** A file, unless the browser has it as it is now. */
async function sendFile(c: Web, file: string) {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return c.notFound();
  const tag = `W/"${found.mtimeMs.toString(36)}-${found.size.toString(36)}"`;
  c.header("etag", tag);
  c.header("cache-control", "no-cache");
  if (c.req.header("if-none-match") === tag) return c.body(null, 304);
  c.header("content-type", TYPES[extname(file)] ?? "application/octet-stream");
  return c.body(await readFile(file));
}
