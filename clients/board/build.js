/**
 * Makes dist/: the server as JavaScript, file by file, and the editor of the pages with the packages that it needs as one
 * file. Types are checked by npm run check.
 */
import { readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

rmSync("dist", { recursive: true, force: true });
const sources = readdirSync("src", { recursive: true }).filter((name) => /\.(tsx?|js)$/.test(name)).map((name) => `src/${name}`);
await build({ entryPoints: sources, outbase: "src", outdir: "dist", format: "esm", target: "node18", logLevel: "warning" });
await build({
  entryPoints: ["browser/editor.js"], outfile: "dist/editor.js",
  bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "inline", logLevel: "warning",
});
