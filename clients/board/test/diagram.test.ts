/** Pictures of workflows: what somebody wrote stays text, and a graph that takes too long is not drawn. */
import assert from "node:assert/strict";
import test from "node:test";
import { drawing, limits } from "../src/diagram.js";

/** As src/engine/diagram.c writes it. */
const quoted = (label: string) =>
  `"${label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("&", "&amp;").replaceAll("\n", "\\n")}"`;
function dot(labels: readonly string[], edges: readonly (readonly [number, number])[], classes = "queued manual"): string {
  return `digraph workflow {\n  node [shape=box];${labels
    .map((label, i) => `\n  n${i + 1} [label=${quoted(label)}, id="stage-${i + 1}", class="${classes}", style="filled", fillcolor="#dbeafe", color="#1d4ed8", fontcolor="#111827"];`)
    .join("")}${edges.map(([from, to]) => `\n  n${from} -> n${to};`).join("")}\n}`;
}
const decoded = (xml: string) =>
  xml.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");
const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((m) => decoded(m[1] ?? ""));

const HOSTILE = [
  "</text><script>alert(1)</script>", '"', "'", "\\", '\\"', "\\\\", "\\n\\N\\G\\E\\l", "a\\", "&#x3c;b&#x3e;", "&lt;i&gt;", "&amp;", "&amp;amp;", "&", "<!--", "-->", "]]>",
  "<![CDATA[x]]>", '" onload="alert(1)', "javascript:alert(1)", "<foreignObject><iframe src=x>", "]; n1 -> n2; //", "\u202Egnol", "漢字 🎉 Ünï", "x".repeat(300),
  "${1}", "%N", "<<b>x</b>>",
];

test("hostile labels come out as they went in, as text", async () => {
  const svg = await drawing(dot(HOSTILE.map((h) => `${h}\nowner\nqueued`), HOSTILE.slice(1).map((_, i) => [i + 1, i + 2])));
  assert.ok(svg !== undefined);
  assert.deepEqual(texts(svg), HOSTILE.flatMap((h) => [h, "owner", "queued"]));
  // Only what Picture is made of: without what is quoted and what stands between tags, nothing else is left.
  const bare = svg.replaceAll(/"[^"<>]*"/g, '""').replaceAll(/>[^<>]*</g, "><");
  assert.deepEqual(new Set(bare.match(/<[^>]*>/g)), new Set([
    '<svg xmlns="" class="" viewBox="" width="" height="" role="" aria-label="">', '<g class="">', '<path class="" d="">', "</path>", '<polygon class="" points="">', "</polygon>", "</g>",
    '<g id="" class="">', "<title>", "</title>", '<rect x="" y="" width="" height="" rx="">', "</rect>", '<text x="" y="" text-anchor="">', "</text>", "</svg>",
  ]));
});

test("nodes can be found and coloured, and say in a title what they are", async () => {
  const svg = await drawing(dot(["id_check\nIRS_Bot\nqueued", "fund\nTreasury\nwaiting"], [[1, 2]]), `the "loan"`);
  assert.ok(svg !== undefined);
  assert.match(svg, /<g id="stage-1" class="node queued manual"><title>id check, IRS Bot, queued<\/title>/);
  assert.match(svg, /role="img" aria-label="the &quot;loan&quot;"/);
  assert.equal(svg.match(/class="edge"/g)?.length, 1);
  assert.equal(svg.match(/class="head"/g)?.length, 1);
});

test("empty lines and single nodes", async () => {
  assert.deepEqual(texts((await drawing(dot(["a\n\nb"], []))) ?? ""), ["a", "", "b"]);
});

test("what is no DOT is not drawn", async () => {
  assert.equal(await drawing("digraph {"), undefined);
  assert.equal(await drawing("x".repeat(2_000_000)), undefined);
  assert.notEqual(await drawing(dot(["after"], [])), undefined);
});

test("a graph that takes too long is given up, the server goes on meanwhile, and it is not tried again soon", async () => {
  const n = 900;
  const edges = Array.from({ length: n }, (_, i) => [1, 7, 31, 173].filter((d) => i + 1 > d).map((d) => [i + 1 - d, i + 1] as const)).flat();
  const large = (label: string) => dot(Array.from({ length: n }, (_, i) => `${label} ${i}`), edges);
  let longest = 0;
  let before = performance.now();
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - before);
    before = performance.now();
  }, 10);
  const begun = performance.now();
  const [first, small] = await Promise.all([drawing(large("a")), drawing(dot(["small"], []))]);
  const took = performance.now() - begun;
  clearInterval(beat);
  assert.equal(first, undefined);
  assert.ok(longest < took / 2, `the server stood still for ${longest} ms of ${took} ms`);
  assert.notEqual(small, undefined);
  const again = performance.now();
  assert.equal(await drawing(large("b")), undefined);
  assert.ok(performance.now() - again < took / 2);
});

test("500 stages in a chain are drawn", async () => {
  // Whether it can be done, not how quick this machine is.
  limits.layoutMs = 120_000;
  const svg = await drawing(dot(Array.from({ length: 500 }, (_, i) => `stage ${i}\nowner\nwaiting`), Array.from({ length: 499 }, (_, i) => [i + 1, i + 2] as const)));
  assert.equal(svg?.match(/<rect/g)?.length, 500);
});
