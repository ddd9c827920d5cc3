/**
 * Parts of a page that is kept up to date. Each has a mark of what is in it; a page that asks for them again says what it
 * has, and is sent the others.
 */
import { createHash } from "node:crypto";
import { html, raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { Web } from "./web.js";

/** Parts with their marks, each an element with data-part. */
export async function marked(parts: Child[]): Promise<{ name: string; mark: string; text: string }[]> {
  const texts = await Promise.all(parts.map(async (part) => String(await html`${part}`)));
  return texts.map((text) => {
    const name = /^<\w+ data-part="([\w-]+)"/.exec(text)?.[1] ?? "";
    // What differs each time and says nothing.
    const said = text.replaceAll(/name="(csrf|once)" value="[^"]*"/g, "");
    const mark = createHash("sha256").update(said).digest("base64url").slice(0, 22);
    return { name, mark, text: text.replace(/^<\w+ /, (begin) => `${begin}data-mark="${mark}" `) };
  });
}

/** Parts as they stand in the page. */
export async function partsOf(parts: Child[]) {
  return raw((await marked(parts)).map(({ text }) => text).join(""));
}

/** Those parts that the page which asks does not have, by its marks: "facts=… stages=…". */
export async function newParts(c: Web, parts: Child[]) {
  const known = new Set((c.req.header("x-parts") ?? "").split(" "));
  const fresh = (await marked(parts)).filter(({ name, mark }) => !known.has(`${name}=${mark}`));
  return c.html(`<div>${fresh.map(({ text }) => text).join("")}</div>`);
}
