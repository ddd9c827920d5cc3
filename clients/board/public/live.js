/**
 * Keeps a page up to date: clocks by themselves, rows when the server says that something happened to their
 * ticket. Rows stay where they are; what is new is counted, and shown when the reader wants it.
 */
const live = document.getElementById("live");
const words = document.getElementById("live-words");
const body = document.querySelector("[data-rows]");
const alerts = document.getElementById("alerts");

// ---- clocks ----

const started = performance.now();
const databaseNow = Date.parse(document.body.dataset.now ?? "") || Date.now();
const now = () => databaseNow + performance.now() - started;

/** The same words as lengthOf in src/format.ts. */
function lengthOf(ms) {
  const minutes = Math.floor(Math.abs(ms) / 60000);
  if (minutes < 1) return "under a minute";
  const [days, hours, mins] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60];
  if (days > 0) return `${days} ${days === 1 ? "day" : "days"}${hours > 0 ? ` ${hours} h` : ""}`;
  if (hours > 0) return `${hours} h${mins > 0 ? ` ${mins} min` : ""}`;
  return `${mins} min`;
}

function showClocks() {
  for (const clock of document.querySelectorAll(".clock[data-due]")) {
    const due = Date.parse(clock.dataset.due);
    const start = Date.parse(clock.dataset.start ?? "");
    const left = due - now();
    const late = left < 0;
    const used = late || due <= start ? 100 : Math.round((1 - left / (due - start)) * 100);
    const text = late ? `late by ${lengthOf(left)}` : `${lengthOf(left)} left`;
    const state = late ? "late" : used >= 80 ? "soon" : "fine";
    const shown = clock.querySelector(".clock-words");
    if (shown.textContent !== text) shown.textContent = text;
    clock.querySelector("meter").value = used;
    clock.classList.remove("clock-late", "clock-soon", "clock-fine");
    clock.classList.add(`clock-${state}`);
  }
}
setInterval(showClocks, 5000);

// ---- rows ----

const wanted = new Set();
/** Stages that are open now and not on this page. */
const elsewhere = new Set();
let fetching = false;

function say(state, text) {
  live.dataset.state = state;
  if (words.textContent !== text) words.textContent = text;
}
function showState() {
  if (!source || source.readyState !== EventSource.OPEN) return;
  const n = elsewhere.size;
  say("on", n === 0 ? "Live" : `Live. ${n} ${n === 1 ? "stage" : "stages"} elsewhere changed: load the page again to sort them in.`);
}

async function refresh() {
  if (fetching || wanted.size === 0) return;
  fetching = true;
  const tickets = [...wanted].slice(0, 50);
  for (const t of tickets) wanted.delete(t);
  try {
    const answer = await fetch(`${body.dataset.rows}?${tickets.map((t) => `ticket=${encodeURIComponent(t)}`).join("&")}`, {
      headers: { "x-by-itself": "yes" },
      redirect: "manual",
    });
    if (answer.ok) show(tickets, await answer.text());
    else if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) signedOut();
  } catch {
    // The stream of events says when the server is back, and then everything is looked at again.
  }
  fetching = false;
  if (wanted.size > 0) void refresh();
}

function show(tickets, html) {
  const fresh = new Map();
  for (const row of new DOMParser().parseFromString(html, "text/html").querySelectorAll("tr")) fresh.set(row.dataset.key, row);
  for (const old of body.querySelectorAll("tr[data-key]")) {
    if (!tickets.includes(old.dataset.ticket)) continue;
    const row = fresh.get(old.dataset.key);
    fresh.delete(old.dataset.key);
    if (row === undefined) gone(old);
    else if (changed(old, row)) replace(old, row);
  }
  for (const key of fresh.keys()) elsewhere.add(key);
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

function alertLine({ kind, ticket, stage, level }) {
  const line = document.createElement("li");
  const link = document.createElement("a");
  link.href = `/tickets/${encodeURIComponent(ticket)}`;
  link.textContent = ticket;
  const text = stage ? ` ${String(stage).replaceAll("_", " ")} ${KINDS[kind] ?? kind}` : ` ${KINDS[kind] ?? kind}`;
  line.append(link, text + (level > 1 ? ` (level ${level})` : ""));
  alerts.prepend(line);
  while (alerts.children.length > 50) alerts.lastElementChild.remove();
}

let source;
function signedOut() {
  source?.close();
  say("off", "You are signed out. Load the page again to sign in.");
}

function listen() {
  source = new EventSource("/live");
  const note = (event) => {
    wanted.add(JSON.parse(event.data).ticket);
    void refresh();
  };
  source.addEventListener("status", note);
  source.addEventListener("dispatch", note);
  source.addEventListener("alert", (event) => {
    note(event);
    alertLine(JSON.parse(event.data));
  });
  source.addEventListener("resync", () => {
    for (const row of body.querySelectorAll("tr[data-ticket]")) wanted.add(row.dataset.ticket);
    void refresh();
  });
  source.addEventListener("open", showState);
  source.addEventListener("error", () => {
    say("off", "No live updates. Trying again.");
    // The browser tries again by itself unless the answer was no stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(askAgain, 1000);
  });
}

/** Is it the server that is away, or are we signed out? */
async function askAgain() {
  try {
    const answer = await fetch(body.dataset.rows, { headers: { "x-by-itself": "yes" }, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) return signedOut();
  } catch {
    // It is away.
  }
  listen();
}
listen();
// Small changes, who has a stage for instance, are not announced.
setInterval(() => {
  for (const row of body.querySelectorAll("tr[data-ticket]")) wanted.add(row.dataset.ticket);
  void refresh();
}, 60000);
