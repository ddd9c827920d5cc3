/**
 * Keeps parts of a page up to date: when something happened that it is about, it asks for them again and changes
 * what differs, node by node. So what has the focus, is opened, scrolled or typed stays as it is.
 */
import { showClocks } from "./clocks.js";
import { ask, follow, isBehind, say } from "./stream.js";
import { timeOf } from "./times.js";

const root = document.querySelector("[data-parts]");
const url = root.dataset.parts;
const owners = new Set(JSON.parse(root.dataset.owners ?? "[]"));

/** What the reader has done with an element, and what a script has. */
const OURS = { DETAILS: ["open"], FORM: ["data-sent"] };

function attributes(old, fresh) {
  const kept = OURS[old.nodeName] ?? [];
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !kept.includes(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value && !kept.includes(name)) old.setAttribute(name, value);
}

const keyOf = (node) => node.dataset?.key;

/** Makes old like fresh. Children with a data-key stay the same element wherever they stand. */
function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  attributes(old, fresh);
  const keyed = new Map([...old.childNodes].filter((n) => keyOf(n) !== undefined).map((n) => [keyOf(n), n]));
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = keyOf(child);
    const same = key === undefined ? (at?.nodeName === child.nodeName && keyOf(at) === undefined ? at : undefined) : keyed.get(key);
    if (same === undefined) old.insertBefore(document.adoptNode(child), at);
    else {
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      morph(same, child);
    }
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** What a part says, without clocks that have only gone on. */
function facts(part) {
  const copy = part.cloneNode(true);
  for (const clock of copy.querySelectorAll(".clock[data-due]")) clock.replaceWith(clock.dataset.due);
  return copy.textContent;
}

const onScreen = (node) => {
  const { top, bottom } = node.getBoundingClientRect();
  return bottom > 0 && top < window.innerHeight;
};

/** What must not move while other things get taller: what has the focus, else the first thing that is read now. */
function anchorOf(focused) {
  if (focused !== document.body && onScreen(focused)) return focused;
  return [...root.querySelectorAll("h1, h2, tr[data-key]")].find((node) => node.getBoundingClientRect().top >= 0 && onScreen(node));
}

function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const focused = document.activeElement;
  const anchor = anchorOf(focused);
  const top = anchor?.getBoundingClientRect().top;
  let changed = false;
  for (const part of root.querySelectorAll("[data-part]")) {
    const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    if (next === null) continue;
    changed ||= facts(part) !== facts(next);
    morph(part, next);
  }
  // What had the focus is gone: stay near.
  if (!focused.isConnected) (document.getElementById(focused.dataset.near ?? "") ?? document.querySelector("h1")).focus({ preventScroll: true });
  if (anchor?.isConnected) window.scrollBy({ top: anchor.getBoundingClientRect().top - top, behavior: "instant" });
  showClocks();
  if (changed) say("on", `Live. Changed at ${timeOf(new Date(), true)}.`);
}

const PAUSE_MS = 300;
let fetching = false;
let wanted = false;
async function refresh() {
  wanted = true;
  if (fetching) return;
  fetching = true;
  while (wanted) {
    wanted = false;
    // What the page has need not come again.
    const marks = [...root.querySelectorAll("[data-part]")].map(({ dataset: { part, mark } }) => `${part}=${mark}`);
    const html = await ask(url, { "x-parts": marks.join(" ") });
    if (html !== undefined) show(html);
    // Many events at once are one look.
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  fetching = false;
}

const concerns = ({ ticket, owner }) =>
  ticket === root.dataset.ticket || owners.has(owner) || (root.dataset.owners !== undefined && root.querySelector(`[data-ticket="${CSS.escape(ticket)}"]`) !== null);

follow({
  url,
  heard(kind, data) {
    if (kind === "seen" ? isBehind(root, data) : concerns(data)) void refresh();
  },
  again: refresh,
  opened: () => say("on", "Live"),
});
// Whatever was not heard.
setInterval(refresh, 60000);
// The picture was not ready when the page was.
if (root.querySelector("[data-pending]") !== null) setTimeout(refresh, 3000);
