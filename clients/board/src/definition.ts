/** Workflow definitions as text that people write: where a problem is, how it is laid out, and what was changed. */
import { diffArrays, diffWordsWithSpace } from "diff";
import { getNodePath, parseTree, printParseErrorCode, type JSONPath, type Node, type ParseError } from "jsonc-parser";

/** What is wrong, at a place in the text: offsets in UTF-16 units, lines and columns from 1. */
export interface Problem {
  path: string;
  problem: string;
  hint: string | null;
  from: number;
  to: number;
  line: number;
  column: number;
}

export interface Parsed {
  text: string;
  /** undefined: it is not JSON. */
  tree: Node | undefined;
  problems: Problem[];
}

/** A problem as oms.validate_workflow() tells it. */
export interface Told {
  path: string;
  problem: string;
  hint: string | null;
}

/** Browsers send line ends as they like. */
export const oneLineEnd = (text: string) => text.replaceAll(/\r\n?/g, "\n");

function placer(text: string) {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset: number) => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

const SYNTAX: Record<string, string> = {
  InvalidSymbol: "this is no JSON value", InvalidNumberFormat: "this is no JSON number", PropertyNameExpected: "a key in double quotes is missing here",
  ValueExpected: "a value is missing here", ColonExpected: "a colon is missing here", CommaExpected: "a comma is missing here",
  CloseBraceExpected: "a closing brace } is missing here", CloseBracketExpected: "a closing bracket ] is missing here",
  EndOfFileExpected: "something stands after its end", InvalidCommentToken: "JSON has no comments",
  UnexpectedEndOfComment: "JSON has no comments", UnexpectedEndOfString: "this text is not closed by a double quote",
  UnexpectedEndOfNumber: "this number has no end", InvalidUnicode: "this \\u is not followed by four hexadecimal digits",
  InvalidEscapeCharacter: "JSON does not know this character after a backslash", InvalidCharacter: "this character has to be written as an escape, such as \\n",
};

function pathText(path: JSONPath): string {
  return "$" + path.map((p) => (typeof p === "number" ? `[${p}]` : /^[A-Za-z_]\w*$/.test(p) ? `.${p}` : `.${JSON.stringify(p)}`)).join("");
}

/** The member of an object: of two with the same key the last one, as in the database. */
function memberOf(object: Node | undefined, is: (key: unknown) => boolean): Node | undefined {
  if (object?.type !== "object") return undefined;
  return object.children?.filter((p) => is(keyOf(p)?.value)).at(-1);
}
const keyOf = (property: Node): Node | undefined => property.children?.[0];
const valueOf = (property: Node): Node | undefined => property.children?.[1];

/** Keys that stand twice in one object: the database would keep the last one and say nothing. */
function* repeatedKeys(tree: Node): Generator<Node> {
  const open = [tree];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const seen = new Set<unknown>();
    for (const child of node.children ?? []) {
      open.push(child);
      const key = child.type === "property" ? keyOf(child) : undefined;
      if (key === undefined) continue;
      if (seen.has(key.value)) yield child;
      seen.add(key.value);
    }
  }
}

/** Nobody reads more, and to say where each is takes its time. */
const MOST_REPEATED = 1000;

export function parse(text: string): Parsed {
  const place = placer(text);
  const errors: ParseError[] = [];
  let tree: Node | undefined;
  try {
    tree = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { text, tree: undefined, problems: [{ path: "$", problem: "it is nested too deeply", hint: null, from: 0, to: 1, ...place(0) }] };
  }
  if (errors.length > 0) {
    const problems = errors.map((e) => {
      const name = printParseErrorCode(e.error);
      return { path: "", problem: SYNTAX[name] ?? name, hint: null, from: e.offset, to: e.offset + e.length, ...place(e.offset) };
    });
    // One mistake makes the parser stumble several times at the same place.
    return { text, tree: undefined, problems: problems.filter((p, i) => i === 0 || p.from !== problems[i - 1]?.from) };
  }
  const problems: Problem[] = [];
  for (const property of tree === undefined ? [] : repeatedKeys(tree)) {
    const key = keyOf(property);
    if (key === undefined) continue;
    if (problems.length === MOST_REPEATED) break;
    problems.push({
      path: pathText(getNodePath(key)), problem: `the key ${JSON.stringify(key.value)} stands here twice`, hint: "Only the last one would count.",
      from: key.offset, to: key.offset + key.length, ...place(key.offset),
    });
  }
  return { text, tree, problems };
}

/** The steps of a path such as $.stages[3]."odd key". */
function readPath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const [, plain, quoted, index] of path.matchAll(/\.([A-Za-z_]\w*)|\.("(?:[^"\\]|\\.)*")|\[(\d+)\]/g)) {
    if (plain !== undefined) steps.push(plain);
    else if (index !== undefined) steps.push(Number(index));
    else if (quoted !== undefined) steps.push(JSON.parse(quoted) as string);
  }
  return steps;
}

/** A long key is told by its beginning. */
function isKey(key: unknown, step: string): boolean {
  return key === step || (step.endsWith("...") && typeof key === "string" && key.startsWith(step.slice(0, -3)));
}

/** Puts problems where they are; the nearest thing around them if the path itself is not in the text. */
export function locate({ text, tree }: Parsed, told: readonly Told[]): Problem[] {
  const place = placer(text);
  return told.map(({ path, problem, hint }) => {
    let node = tree;
    let property: Node | undefined;
    for (const step of readPath(path)) {
      let next: Node | undefined;
      let holder: Node | undefined;
      if (typeof step === "number") next = node?.type === "array" ? node.children?.[step] : undefined;
      else {
        holder = memberOf(node, (key) => isKey(key, step));
        next = holder === undefined ? undefined : valueOf(holder);
      }
      if (next === undefined) break;
      [node, property] = [next, holder];
    }
    const shown = problem.startsWith("unknown key") && property !== undefined ? keyOf(property) : node;
    const from = shown?.offset ?? 0;
    const end = from + (shown?.length ?? text.length);
    const lineEnd = text.indexOf("\n", from);
    return { path, problem, hint, from, to: lineEnd === -1 ? end : Math.min(end, lineEnd), ...place(from) };
  });
}

/** The name of the workflow that a definition is for. */
export function nameOf({ tree }: Parsed): string {
  const property = memberOf(tree, (key) => key === "name");
  const value: unknown = property === undefined ? undefined : valueOf(property)?.value;
  return typeof value === "string" ? value : "";
}

/** An example of a workflow and what became of it. */
export interface Shown {
  name: string;
  state: "holds" | "differs" | "not run";
}

const OF_EXAMPLE = /^\$\.examples\[(\d+)\]/;
const isOfExample = (problem: Problem) => OF_EXAMPLE.test(problem.path);

/** Are examples all that is wrong? Then the workflow can be drawn without them. */
export const onlyExamples = (problems: readonly Problem[]): boolean => problems.every(isOfExample);

/** The examples of a draft with these problems; the database runs them when nothing else is wrong. */
export function examplesOf({ tree }: Parsed, problems: readonly Problem[]): Shown[] {
  const property = memberOf(tree, (key) => key === "examples");
  const array = property === undefined ? undefined : valueOf(property);
  if (array?.type !== "array") return [];
  const wrong = new Set(problems.map((p) => Number(OF_EXAMPLE.exec(p.path)?.[1] ?? -1)));
  return (array.children ?? []).map((node, i) => {
    const name = memberOf(node, (key) => key === "name");
    const value: unknown = name === undefined ? undefined : valueOf(name)?.value;
    return {
      name: typeof value === "string" && value !== "" ? value : `examples[${i}]`,
      state: wrong.has(i) ? "differs" : onlyExamples(problems) ? "holds" : "not run",
    };
  });
}

/** In the order in which one thinks of them; others stand behind, as they come. */
const KEYS = [
  "name", "prefix", "description", "id", "label", "owner", "publicOwner", "slaMins", "slaDays", "sla", "dueAt", "calendar", "dependsOn", "join", "minAmount", "when",
  "manual", "notSameAs", "retry", "warnAt", "at", "everyMins", "max", "notify", "reassignTo", "finishWith", "escalation", "stages",
  "data", "outputs", "path", "skipped", "opened_at", "due", "examples",
];
const rank = new Map<unknown, number>(KEYS.map((key, i) => [key, i]));
const WIDTH = 100;

/**
 * A definition in one layout, whatever the order and the spaces it came with: each key of a stage on a line of its
 * own, so that a change is seen where it is. Numbers and texts stay as they are written.
 */
export function layOut({ text, tree }: Parsed): string {
  const source = (node: Node) => text.slice(node.offset, node.offset + node.length);
  const inOrder = (node: Node) =>
    [...(node.children ?? [])].sort((a, b) => (rank.get(keyOf(a)?.value) ?? KEYS.length) - (rank.get(keyOf(b)?.value) ?? KEYS.length));

  function short(node: Node): string {
    if (node.type === "array") return `[${(node.children ?? []).map(short).join(", ")}]`;
    if (node.type === "object") return `{${inOrder(node).map(short).join(", ")}}`;
    if (node.type !== "property") return source(node);
    const [key, value] = [keyOf(node), valueOf(node)];
    return key === undefined || value === undefined ? "" : `${source(key)}: ${short(value)}`;
  }

  /** Open: it takes several lines even if it fits on one. */
  function long(node: Node, indent: string, open: boolean): string {
    if (node.type === "property") {
      const [key, value] = [keyOf(node), valueOf(node)];
      return key === undefined || value === undefined ? "" : `${source(key)}: ${long(value, indent, key.value === "stages" && indent === "  ")}`;
    }
    const inner = node.type === "object" ? inOrder(node) : (node.children ?? []);
    if (inner.length === 0) return short(node);
    if (!open) {
      const line = short(node);
      if (indent.length + line.length <= WIDTH) return line;
    }
    const [first, last] = node.type === "object" ? ["{", "}"] : ["[", "]"];
    const deeper = `${indent}  `;
    const stages = open && node.type === "array";
    return `${first}\n${inner.map((n) => deeper + long(n, deeper, stages)).join(",\n")}\n${indent}${last}`;
  }
  return tree === undefined ? text : long(tree, "", true);
}

/** The same of what the database has. */
export const layOutText = (json: string) => layOut(parse(json));

export interface DiffLine {
  /** …: lines without a change that are left out. */
  sign: "+" | "-" | " " | "…";
  before?: number;
  after?: number;
  parts: { text: string; changed: boolean }[];
}

export interface Diff {
  lines: DiffLine[];
  added: number;
  removed: number;
  /** Changed lines that are not shown. */
  more: number;
}

const CONTEXT = 3;
const MOST_LINES = 2000;
const MOST_PAIRS = 100;
const MOST_MS = 500;

const plain = (text: string) => [{ text, changed: false }];

/** Two versions of a line: the words that differ. */
function wordParts(before: string, after: string): [DiffLine["parts"], DiffLine["parts"]] | undefined {
  if (before.length + after.length > 2000) return undefined;
  const words = diffWordsWithSpace(before, after, { timeout: 50 });
  if (words === undefined) return undefined;
  const side = (not: "added" | "removed") => words.filter((w) => !w[not]).map((w) => ({ text: w.value, changed: w.added || w.removed }));
  return [side("added"), side("removed")];
}

/** What was changed, line by line; undefined: nothing. */
export function compare(before: string, after: string): Diff | undefined {
  if (before === after) return undefined;
  const [old, now] = [before === "" ? [] : before.split("\n"), after === "" ? [] : after.split("\n")];
  // Too different to be worth the time: all of one, then all of the other.
  const changes = diffArrays(old, now, { timeout: MOST_MS }) ?? [
    { value: old, added: false, removed: true, count: old.length },
    { value: now, added: true, removed: false, count: now.length },
  ];
  const all: DiffLine[] = [];
  let [i, j, added, removed] = [1, 1, 0, 0];
  changes.forEach((change, at) => {
    // Lines that stand for each other, if they are as many and not too many.
    const pairs = (other: typeof change | undefined) => other?.value.length === change.value.length && other.value.length <= MOST_PAIRS;
    const next = changes[at + 1];
    const last = changes[at - 1];
    change.value.forEach((text, n) => {
      if (change.removed) {
        const pair = next?.added === true && pairs(next) ? next.value[n] : undefined;
        all.push({ sign: "-", before: i++, parts: (pair === undefined ? undefined : wordParts(text, pair)?.[0]) ?? plain(text) });
        removed++;
      } else if (change.added) {
        const pair = last?.removed === true && pairs(last) ? last.value[n] : undefined;
        all.push({ sign: "+", after: j++, parts: (pair === undefined ? undefined : wordParts(pair, text)?.[1]) ?? plain(text) });
        added++;
      } else all.push({ sign: " ", before: i++, after: j++, parts: plain(text) });
    });
  });
  const near = new Uint8Array(all.length);
  all.forEach((line, at) => {
    if (line.sign !== " ") near.fill(1, Math.max(0, at - CONTEXT), at + CONTEXT + 1);
  });
  const lines: DiffLine[] = [];
  let left = 0;
  const gap = () => {
    if (left > 0) lines.push({ sign: "…", parts: plain(`${left} ${left === 1 ? "line" : "lines"} without a change`) });
    left = 0;
  };
  let more = 0;
  all.forEach((line, at) => {
    if (near[at] === 0) left++;
    else if (lines.length >= MOST_LINES) more += line.sign === " " ? 0 : 1;
    else {
      gap();
      lines.push(line);
    }
  });
  gap();
  return { lines, added, removed, more };
}
