/**
 * Makes the token of a board on a wall: npm run -s screen -- NAME. Adds its line to the file BOARD_TV_FILE, and says the
 * address to open there. The token itself is kept nowhere.
 */
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { hashOf, screensIn } from "./screens.js";

function fail(text: string): never {
  console.error(text);
  process.exit(1);
}

const file = process.env["BOARD_TV_FILE"] ?? "";
const name = process.argv.slice(2).join(" ").trim();
if (file === "") fail("BOARD_TV_FILE must name the file of the screens");
if (name === "" || name.startsWith("#") || /\p{Cc}/u.test(name)) fail("npm run -s screen -- NAME: say which screen it is for, such as lobby");
const text = existsSync(file) ? readFileSync(file, "utf8") : "";
if ([...screensIn(text).names.values()].includes(name)) fail(`there is a screen "${name}" in ${file}: remove its line first`);
const token = randomBytes(32).toString("base64url");
appendFileSync(file, `${text === "" || text.endsWith("\n") ? "" : "\n"}${name} ${hashOf(token)}\n`, { mode: 0o600 });
console.log(`/tv#${token}`);
