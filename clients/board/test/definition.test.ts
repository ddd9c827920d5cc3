/** Definitions as text: places of problems, one layout, what was changed. */
import assert from "node:assert/strict";
import test from "node:test";
import { compare, layOutText, locate, nameOf, oneLineEnd, parse } from "../src/definition.js";

const TEXT = `{
  "name": "Loan", "odd key": 1,
  "stages": [
    {"id": "a", "owner": "x"},
    {"id": "b", "owner": "y", "retry": {"factor": -1}, "dependsOn": ["a", "nope"], "nmae": 1}
  ]
}`;
const at = (path: string, problem = "wrong", text = TEXT) => {
  const [found] = locate(parse(text), [{ path, problem, hint: null }]);
  assert.ok(found !== undefined);
  return { place: `${found.line}:${found.column}`, shown: text.slice(found.from, found.to) };
};

test("a problem is put where its path leads", () => {
  assert.deepEqual(at("$.stages[1].retry.factor"), { place: "5:51", shown: "-1" });
  assert.deepEqual(at("$.stages[1].dependsOn[1]"), { place: "5:75", shown: '"nope"' });
  assert.deepEqual(at("$.stages[0]"), { place: "4:5", shown: '{"id": "a", "owner": "x"}' });
  assert.deepEqual(at('$."odd key"', 'unknown key "odd key" in the workflow'), { place: "2:19", shown: '"odd key"' });
  assert.deepEqual(at("$.stages[1].nmae", 'unknown key "nmae" in stage "b"'), { place: "5:84", shown: '"nmae"' });
  // Of what goes on over several lines the first one.
  assert.deepEqual(at("$"), { place: "1:1", shown: "{" });
  assert.deepEqual(at("$.stages"), { place: "3:13", shown: "[" });
});

test("what is not there is put to the nearest thing around it", () => {
  assert.deepEqual(at("$.stages[0].label.deeper"), { place: "4:5", shown: '{"id": "a", "owner": "x"}' });
  assert.deepEqual(at("$.stages[7].id"), { place: "3:13", shown: "[" });
  assert.deepEqual(at("nonsense"), { place: "1:1", shown: "{" });
  assert.deepEqual(at("$.name", "wrong", "3"), { place: "1:1", shown: "3" });
});

test("a long key is found by its beginning, one with quotes by what it means", () => {
  const long = "k".repeat(200);
  assert.equal(at(`$."${long.slice(0, 60)}..."`, "unknown key", `{"${long}": 1}`).shown, `"${long}"`);
  assert.equal(at('$."a\\"b]"', "unknown key", '{"a\\"b]": 1}').shown, '"a\\"b]"');
});

test("places count as editors do, also behind what is not ASCII", () => {
  assert.deepEqual(at("$.b", "wrong", '{"a": "🎉é",\n "b": "漢"}'), { place: "2:7", shown: '"漢"' });
});

test("mistakes in the JSON are told in words, where they are", () => {
  for (const [text, problem, place] of [
    ["", "a value is missing here", "1:1"],
    ['{"a": 1,}', "a key in double quotes is missing here", "1:9"],
    ['{"a" 1}', "a colon is missing here", "1:6"],
    ['{"a": 1\n "b": 2}', "a comma is missing here", "2:2"],
    ['{"a": [1, 2}', "a comma is missing here", "1:12"],
    ['{"a": 1', "a closing brace } is missing here", "1:8"],
    ['{"a": "x\n"}', "this text is not closed by a double quote", "1:7"],
    ['{a: 1}', "this is no JSON value", "1:2"],
    ['{"a": 1} x', "this is no JSON value", "1:10"],
    ['{"a": 1} 2', "something stands after its end", "1:10"],
    ['{"a": 1 /* x */}', "JSON has no comments", "1:9"],
    ['{"a": "\\q"}', "JSON does not know this character after a backslash", "1:7"],
    ['{"a": True}', "this is no JSON value", "1:7"],
  ] as const) {
    const { tree, problems } = parse(text);
    assert.equal(tree, undefined, text);
    assert.equal(`${problems[0]?.line ?? ""}:${problems[0]?.column ?? ""} ${problems[0]?.problem ?? ""}`, `${place} ${problem}`, text);
  }
  assert.match(parse("[".repeat(200_000)).problems[0]?.problem ?? "", /nested too deeply|missing/);
});

test("what JSON.parse refuses, the parser refuses, too", () => {
  for (const text of ["{'a': 1}", '{"a": 01}', '{"a": .5}', '{"a": 1.}', '{"a": +1}', '{"a": NaN}', '{"a": "\t"}', '{"a": "\\u12"}', '{"a": 1}}', "// x\n{}", "[1,]", "{,}", "\uFEFF{}", '{"a": tru}', '{"a": 0x1}', "undefined"]) {
    assert.throws(() => JSON.parse(text) as unknown, text);
    assert.ok(parse(text).problems.length > 0, text);
  }
});

test("a key that stands twice is a problem: the database would keep the last and say nothing", () => {
  const { problems } = parse('{"stages": [{"id": "a", "owner": "x", "owner": "y"}]}');
  assert.deepEqual(problems.map((p) => [p.path, p.problem, p.column]), [["$.stages[0].owner", 'the key "owner" stands here twice', 39]]);
  assert.equal(nameOf(parse('{"name": "first", "name": "last"}')), "last");
});

test("a list of nothing but keys that stand twice does not hold up the server", () => {
  const took = (n: number) => {
    const begun = performance.now();
    const { problems } = parse(`[${Array(n).fill('{"a":1,"a":1}').join(",")}]`);
    assert.ok(problems.length >= 200 && problems[0] !== undefined);
    return performance.now() - begun;
  };
  // Ten times as much takes ten times as long, not a hundred times.
  const [some, many] = [took(15_000), took(150_000)];
  assert.ok(many < 40 * some, `${some} ms, ${many} ms`);
});

test("one layout, whatever came in, with numbers and texts as they were written", () => {
  const laid = layOutText('{"stages":[{"owner":"é\\u00e9","id":"a","minAmount":12345678901234567890.10},{"dependsOn":["a"],"id":"b","x":{"b":1,"a":2}}],"name":"L"}');
  assert.equal(
    laid,
    `{
  "name": "L",
  "stages": [
    {
      "id": "a",
      "owner": "é\\u00e9",
      "minAmount": 12345678901234567890.10
    },
    {
      "id": "b",
      "dependsOn": ["a"],
      "x": {"b": 1, "a": 2}
    }
  ]
}`,
  );
  assert.equal(layOutText(laid), laid);
  assert.equal(layOutText('{"stages": []}'), '{\n  "stages": []\n}');
});

test("a comparison shows what was changed with its surroundings, and the words in it", () => {
  assert.equal(compare("a\nb", "a\nb"), undefined);
  const before = Array.from({ length: 20 }, (_, i) => `line ${i}`);
  const after = [...before];
  after[10] = "line ten";
  after.push("new");
  const diff = compare(before.join("\n"), after.join("\n"));
  assert.ok(diff !== undefined);
  assert.deepEqual([diff.added, diff.removed, diff.more], [2, 1, 0]);
  assert.deepEqual(
    diff.lines.map((l) => `${l.sign}${l.parts.map((p) => (p.changed ? `<${p.text}>` : p.text)).join("")}`),
    ["…7 lines without a change", " line 7", " line 8", " line 9", "-line <10>", "+line <ten>", " line 11", " line 12", " line 13", "…3 lines without a change", " line 17", " line 18", " line 19", "+new"],
  );
  assert.deepEqual(diff.lines.filter((l) => l.sign !== "…").map((l) => [l.before, l.after]).slice(3, 6), [[11, undefined], [undefined, 11], [12, 12]]);
  const all = compare("", "x\ny");
  assert.deepEqual(all?.lines.map((l) => l.sign), ["+", "+"]);
});

test("a comparison of what has nothing in common ends soon, and not all of it is shown", () => {
  const many = (word: string, n: number) => Array.from({ length: n }, (_, i) => `${word} ${i}`).join("\n");
  const took = (n: number) => {
    const start = performance.now();
    return { diff: compare(many("before", n), many("after", n)), ms: performance.now() - start };
  };
  const [some, { diff, ms }] = [took(3000), took(30_000)];
  assert.ok(ms < 40 * some.ms, `${some.ms} ms, ${ms} ms`);
  assert.deepEqual([diff?.added, diff?.removed], [30_000, 30_000]);
  assert.ok((diff?.lines.length ?? 0) <= 2001);
  assert.equal(diff?.more, 58_000);
});

test("line ends are what the browser's editor counts", () => {
  assert.equal(oneLineEnd("a\r\nb\rc\n"), "a\nb\nc\n");
});
