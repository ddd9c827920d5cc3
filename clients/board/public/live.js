/**
 * Keeps a page up to date: clocks by themselves, rows when the server says that something happened to their
 * ticket. Rows stay where they are; what is new is counted, and shown when the reader wants it.
 */
import { showClocks } from "./clocks.js";
import { ask, follow, isBehind, isOpen, say } from "./stream.js";

const body = document.querySelector("[data-rows]");
const alerts = document.getElementById("alerts");

// ---- rows ----

const wanted = new Set();
/** Stages that are open now and not on this page. */
const elsewhere = new Set();
/** A board on the wall runs for weeks. */
const MOST_ELSEWHERE = 1000;
let fetching = false;

function showState() {
  if (!isOpen()) return;
  const n = elsewhere.size;
  say("on", n === 0 ? "Live" : `Live. ${n === MOST_ELSEWHERE ? "Many" : n} ${n === 1 ? "stage" : "stages"} elsewhere changed: load the page again to sort them in.`);
}

async function refresh() {
  if (fetching || wanted.size === 0) return;
  fetching = true;
  const tickets = [...wanted].slice(0, 50);
  for (const t of tickets) wanted.delete(t);
  const html = await ask(`${body.dataset.rows}?${tickets.map((t) => `ticket=${encodeURIComponent(t)}`).join("&")}`);
  const rows = html === undefined ? [] : [...new DOMParser().parseFromString(html, "text/html").querySelectorAll("tr")];
  if (html !== undefined) show(tickets, rows);
  for (const alert of unsaid.splice(0)) if (tickets.includes(alert.ticket)) alertLine(alert, rows); else unsaid.push(alert);
  fetching = false;
  if (wanted.size > 0) void refresh();
}

function show(tickets, rows) {
  const fresh = new Map();
  for (const row of rows) fresh.set(row.dataset.key, row);
  for (const old of body.querySelectorAll("tr[data-key]")) {
    if (!tickets.includes(old.dataset.ticket)) continue;
    const row = fresh.get(old.dataset.key);
    fresh.delete(old.dataset.key);
    if (row === undefined) gone(old);
    else {
      if (changed(old, row)) replace(old, row);
      old.dataset.seq = row.dataset.seq;
    }
  }
  for (const key of fresh.keys()) if (elsewhere.size < MOST_ELSEWHERE) elsewhere.add(key);
  showClocks();
  showState();
}

const changed = (old, row) => {
  const facts = (r) => [...r.cells].slice(0, -1).map((c) => c.textContent).join("|") + (r.querySelector(".clock")?.dataset.due ?? r.cells[r.cells.length - 1]?.textContent);
  return old.classList.contains("gone") || facts(old) !== facts(row);
};

/** Cell by cell, so that focus on the ticket's link stays. */
function replace(old, row) {
  old.classList.remove("gone", "changed");
  for (let i = 1; i < old.cells.length; i++) old.cells[i].replaceChildren(...row.cells[i].childNodes);
  void old.offsetWidth;
  old.classList.add("changed");
}

function gone(row) {
  if (row.classList.contains("gone")) return;
  row.classList.add("gone", "changed");
  const [status, clock] = [row.cells[3], row.cells[row.cells.length - 1]];
  const done = document.createElement("span");
  done.className = "status status-done";
  done.textContent = "● no longer open";
  status.replaceChildren(done);
  clock.textContent = "–";
}

// ---- events ----

const KINDS = { warning: "is close to its time limit", breached: "is late", breach: "is late", escalation: "was escalated", escalated: "was escalated", failure: "failed", failed: "failed", unrouted: "has nobody to tell" };

/** Alerts wait for the rows of their tickets, which have the names of stages for people. */
const unsaid = [];

function alertLine({ kind, ticket, stage, level }, rows) {
  const line = document.createElement("li");
  const link = document.createElement("a");
  link.href = `/tickets/${encodeURIComponent(ticket)}`;
  link.textContent = ticket;
  const label = rows.find((row) => row.dataset.ticket === ticket && row.dataset.stage === stage)?.cells[2].textContent;
  const text = stage ? ` ${label ?? String(stage).replaceAll("_", " ")} ${KINDS[kind] ?? kind}` : ` ${KINDS[kind] ?? kind}`;
  line.append(link, text + (level > 1 ? ` (level ${level})` : ""));
  alerts.prepend(line);
  while (alerts.children.length > 50) alerts.lastElementChild.remove();
}

function refreshAll() {
  for (const row of body.querySelectorAll("tr[data-ticket]")) wanted.add(row.dataset.ticket);
  void refresh();
}

follow({
  url: body.dataset.rows,
  heard(kind, data) {
    if (kind === "seen" && !isBehind(body, data)) return;
    wanted.add(data.ticket);
    if (kind === "alert") unsaid.push(data);
    void refresh();
  },
  again: refreshAll,
  opened: showState,
  // What was alerted while nobody looked is told when somebody does.
  always: true,
});
// Whatever was not heard.
setInterval(refreshAll, 60000);
