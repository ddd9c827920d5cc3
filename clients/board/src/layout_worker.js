/**
 * Graphviz, in a thread of its own: where the nodes and edges of a DOT file go. Plain JavaScript, since tests run the
 * sources as they are, and a thread starts without tsx. The answer is geometry and labels; SVG is made of it by
 * diagram.tsx.
 */
import { parentPort } from "node:worker_threads";
import { instance } from "@viz-js/viz";

/** Above this, Graphviz takes fewer turns at making it pretty. */
const LARGE = 100;

/** Graphviz knows how wide the letters of this one are, and hardly any font is wider. */
const FONT = "DejaVu Sans";

const viz = await instance();

parentPort.on("message", ({ dot, nodes }) => {
  try {
    const graph = JSON.parse(
      viz.renderString(dot, {
        format: "json",
        nodeAttributes: { fontname: FONT, fontsize: 13, margin: "0.15,0.08" },
        graphAttributes: nodes > LARGE ? { nslimit: 2, nslimit1: 2, mclimit: 0.2 } : {},
      }),
    );
    parentPort.postMessage({
      box: graph.bb.split(",").map(Number),
      nodes: (graph.objects ?? []).map(({ id, class: classes, label, pos, width, height }) => ({
        id, classes, label, at: pos.split(",").map(Number), width: width * 72, height: height * 72,
      })),
      edges: (graph.edges ?? []).map((edge) => ({
        curve: edge._draw_.find((op) => op.op === "b")?.points ?? [],
        head: edge._hdraw_?.find((op) => op.op === "P")?.points ?? [],
      })),
    });
  } catch (error) {
    parentPort.postMessage({ error: String(error) });
  }
});
parentPort.postMessage("ready");
