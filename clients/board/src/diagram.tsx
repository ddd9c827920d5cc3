/**
 * DOT, as oms.diagram() and oms.draw_workflow() write it, as an SVG for a page.
 *
 * Graphviz says where things go, in a thread of its own and for a limited time, since a large graph can take it
 * minutes. The SVG is written here: nothing that Graphviz prints gets into a page, and labels are escaped like
 * any other text. Colours come from the style sheet, by the classes of the nodes.
 */
import { createHash } from "node:crypto";
import { html } from "hono/html";
import type { FC } from "hono/jsx";
import { Worker } from "node:worker_threads";

type Point = readonly [number, number];

interface Layout {
  /** Left, bottom, right, top; upwards is more. */
  box: readonly [number, number, number, number];
  nodes: readonly { id?: string; classes?: string; label: string; at: Point; width: number; height: number }[];
  edges: readonly { curve: readonly Point[]; head: readonly Point[] }[];
}

/** How long Graphviz may think about one graph. */
export const limits = { layoutMs: 5000 };
/** The same of a thread that begins. */
const START_MS = 10_000;
const MOST_DOT = 1_000_000;
const MOST_WAITING = 20;
const MOST_KEPT = 200;
const MOST_KEPT_CHARS = 20_000_000;
/** A graph that took too long is not tried again for as long. */
const SLOW_MS = 10 * 60_000;

const FONT = 13;
const LINE = FONT * 1.2;

// ---- layout ----

interface Thread {
  /** Says something, if there is something to say, and waits for the next answer; undefined if it ends or takes too long. */
  ask(message: unknown, ms: number): Promise<unknown>;
  end(): void;
}

function makeThread(): Thread {
  const worker = new Worker(new URL("./layout_worker.js", import.meta.url), { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 256 } });
  let hear: (answer: unknown) => void = () => undefined;
  worker.on("message", (answer) => {
    hear(answer);
  });
  worker.on("error", (error) => {
    console.error(error);
    hear(undefined);
  });
  worker.on("exit", () => {
    hear(undefined);
  });
  return {
    ask(message, ms) {
      worker.ref();
      return new Promise((resolve) => {
        hear = (answer) => {
          clearTimeout(timer);
          // It does not keep the server from ending.
          worker.unref();
          resolve(answer);
        };
        const timer = setTimeout(() => {
          hear(undefined);
        }, ms);
        if (message !== undefined) worker.postMessage(message);
      });
    },
    end: () => void worker.terminate(),
  };
}

let thread: Thread | undefined;
/** The thread does one thing after the other. */
let last: Promise<unknown> = Promise.resolve();
let waiting = 0;

async function layOut(dot: string, nodes: number): Promise<Layout | "no graph" | "too long"> {
  const begins = thread === undefined;
  const mine = (thread ??= makeThread());
  const answer = begins && (await mine.ask(undefined, START_MS)) !== "ready" ? undefined : await mine.ask({ dot, nodes }, limits.layoutMs);
  if (answer !== undefined) return "error" in (answer as object) ? "no graph" : (answer as Layout);
  thread = undefined;
  mine.end();
  return "too long";
}

// ---- SVG ----

const round = (n: number) => Math.round(n * 10) / 10;

/** What stands in a quoted string of DOT, as the lines that it means. */
function linesOf(label: string): string[] {
  return label
    .replaceAll(/\\(.)/gs, (_, c: string) => (c === "n" ? "\n" : c))
    .replaceAll("&amp;", "&")
    .split("\n");
}

const Picture: FC<{ layout: Layout; name: string }> = ({ layout, name }) => {
  const [left, bottom, right, top] = layout.box;
  const width = Math.ceil(right - left + 8);
  const height = Math.ceil(top - bottom + 8);
  const x = (p: Point) => round(p[0] - left + 4);
  const y = (p: Point) => round(top - p[1] + 4);
  const points = (of: readonly Point[]) => of.map((p) => `${x(p)},${y(p)}`).join(" ");
  return (
    <svg xmlns="http://www.w3.org/2000/svg" class="drawing-svg" viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={name}>
      {layout.edges.map(({ curve, head }) => (
        <g class="edge">
          {curve.length < 2 ? null : (
            <path class="line" d={`M${points(curve.slice(0, 1))}C${points(curve.slice(1))}`} />
          )}
          {head.length === 0 ? null : <polygon class="head" points={points(head)} />}
        </g>
      ))}
      {layout.nodes.map((node) => {
        const lines = linesOf(node.label);
        const first = y(node.at) - (lines.length * LINE) / 2 + FONT * 0.9;
        return (
          <g id={node.id} class={node.classes === undefined ? "node" : `node ${node.classes}`}>
            <title>{lines.join(", ").replaceAll("_", " ")}</title>
            <rect x={round(x(node.at) - node.width / 2)} y={round(y(node.at) - node.height / 2)} width={round(node.width)} height={round(node.height)} rx="6" />
            {lines.map((line, i) => (
              <text x={x(node.at)} y={round(first + i * LINE)} text-anchor="middle">
                {line}
              </text>
            ))}
          </g>
        );
      })}
    </svg>
  );
};

// ---- what was drawn lately ----

const kept = new Map<string, { svg: Promise<string | undefined>; chars: number }>();
let keptChars = 0;
/** Shapes, and until when they are left alone. */
const slow = new Map<string, number>();

const digest = (text: string) => createHash("sha256").update(text).digest("base64");
/** A graph without its labels. */
const shapeOf = (dot: string) => dot.split("\n").map((line) => line.replace(/ \[.*/, "")).join();

function forget(key: string): void {
  keptChars -= kept.get(key)?.chars ?? 0;
  kept.delete(key);
}

async function draw(dot: string, name: string): Promise<string | undefined> {
  const shape = digest(shapeOf(dot));
  if (dot.length > MOST_DOT || waiting >= MOST_WAITING || (slow.get(shape) ?? 0) > Date.now()) return undefined;
  waiting += 1;
  const mine = last.then(() => layOut(dot, dot.split("\n").length));
  last = mine;
  const layout = await mine;
  waiting -= 1;
  if (layout === "too long") {
    for (const [key, until] of slow) if (until <= Date.now() || slow.size >= MOST_KEPT) slow.delete(key);
    slow.set(shape, Date.now() + SLOW_MS);
  }
  return typeof layout === "string" ? undefined : (await html`${(<Picture layout={layout} name={name} />)}`).toString();
}

/**
 * A picture of a DOT file of ours, as SVG that can go into a page as it is; undefined if that fails or would take
 * too long. Name is for who does not see it, and should say where the same stands in words.
 */
export async function drawing(dot: string, name = "The stages and which of them wait for which"): Promise<string | undefined> {
  const key = digest(`${name}\n${dot}`);
  const had = kept.get(key);
  if (had !== undefined) return had.svg;
  const entry = { svg: draw(dot, name), chars: 0 };
  kept.set(key, entry);
  const svg = await entry.svg;
  if (kept.get(key) === entry) {
    if (svg === undefined) forget(key);
    else keptChars += entry.chars = svg.length;
  }
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST_KEPT && keptChars <= MOST_KEPT_CHARS) break;
    forget(oldest);
  }
  return svg;
}
