// Asks a board for its pages, one after the other, and prints how long the first byte took: for board.sh and holds.sh.
//	node board.mjs URL TICKET REQUESTS [WORKFLOW OWNER STAGE]
import http from "node:http";

const [url, ticket, requests] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let cookie = "";

function ask(path, { method = "GET", body, headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const began = process.hrtime.bigint();
    const request = http.request(new URL(path, url), { method, agent, headers: { ...headers, cookie } }, (response) => {
      let first;
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece) => {
        first ??= Number(process.hrtime.bigint() - began) / 1e6;
        text += piece;
      });
      response.on("end", () => {
        resolve({ ms: first ?? Number(process.hrtime.bigint() - began) / 1e6, status: response.statusCode, headers: response.headers, text });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

const signIn = await ask("/sign-in", {
  method: "POST",
  body: new URLSearchParams({ role: "ann", password: "ann-demo", next: "/" }).toString(),
  headers: { "content-type": "application/x-www-form-urlencoded", origin: new URL(url).origin },
});
cookie = (signIn.headers["set-cookie"] ?? []).map((c) => c.split(";")[0]).join("; ");
if (cookie === "") throw new Error(`sign-in: ${signIn.status}`);

async function page20() {
  let path = "/";
  for (let n = 1; n < 20; n++) {
    const next = /<a rel="next" href="([^"]+)"/.exec((await ask(path)).text);
    if (next === null) break;
    path = next[1].replaceAll("&amp;", "&");
  }
  return path;
}

const [workflow, owner, stage] = process.argv.length > 5 ? process.argv.slice(5) : ["Bench 2", "Owner 6", "s4"];
const pages = [
  ["the board", "/"],
  ["… of an owner", `/?owner=${encodeURIComponent(owner)}`],
  ["… of a workflow", `/?workflow=${encodeURIComponent(workflow)}`],
  ["… of a workflow's stage", `/?workflow=${encodeURIComponent(workflow)}&stage=${stage}`],
  ["… late", "/?clock=late"],
  ["… stopped", "/?clock=stands"],
  ["… failed", "/?status=failed"],
  ["… of a worker", "/?worker=ann"],
  ["… of an applicant", "/?applicant=person-77"],
  ["… a number", `/?q=${ticket}`],
  ["… how a number begins", `/?q=${ticket.slice(0, -2)}`],
  ["… no number begins so", "/?q=ZZ-2026"],
  ["… page 20", await page20()],
  ["rows of a ticket, for a live page", `/rows?ticket=${ticket}`],
  ["a ticket", `/tickets/${ticket}`],
  ["heat-map by stage", "/reports/heat-map?by=stage"],
  ["heat-map by weekday", "/reports/heat-map?by=weekday"],
  ["heat-map by owner", "/reports/heat-map?by=owner"],
  ["SLA report", "/reports/sla"],
  ["bottlenecks", "/reports/bottlenecks"],
  ["queues", "/reports/queue"],
  ["aging", "/reports/aging"],
  ["at risk", "/reports/at-risk"],
  ["stages that were due", "/due"],
  ["… of the last days", `/due?from=${new Date(Date.now() - 2 * 86400000).toISOString().slice(0, 10)}`],
  ["finished stages", "/finished"],
  ["the inbox", "/inbox"],
];
console.log("| page | median ms | range |\n|---|---|---|");
for (const [name, path] of pages) {
  const times = [];
  let wrong;
  const began = Date.now();
  // A page that takes long is asked for less often.
  for (let n = -Math.min(5, requests); n < requests && (times.length === 0 || Date.now() - began < 20000); n++) {
    const { ms, status } = await ask(path);
    if (status !== 200) wrong = status;
    if (n >= 0) times.push(ms);
  }
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(0);
  if (wrong === undefined) console.log(`| ${name} | ${at(0.5)} | ${at(0)}–${at(1)} |`);
  else console.error(`${path}: ${wrong}`);
}
agent.destroy();
