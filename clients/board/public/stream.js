import { timeOf } from "./times.js";

/** The server's stream of events, and the line on the page that says whether it runs. */
const live = document.getElementById("live");
const words = document.getElementById("live-words");
let stream;
/** Does the stream run, and does the server hear the database? */
let up = false;
/** Did the last piece of a page that was asked for come? */
let answered = true;
let ended = false;
let since;
let following;
let retry;
/** After how long to ask again for what did not come. */
const AGAIN_MS = 5000;

export function say(state, text) {
  live.dataset.state = state;
  document.body.dataset.stale = state === "off" ? "yes" : "no";
  if (words.textContent !== text) words.textContent = text;
}

export const isOpen = () => up && answered;

function signedOut() {
  ended = true;
  stream?.close();
  say("off", "You are signed out. Load the page again to sign in.");
}

/** What stands on the page may be old from now on, and the page says since when. */
function lost() {
  if (ended) return;
  since ??= new Date();
  say("off", `No live updates since ${timeOf(since)}. Trying again.`);
}

/** All is well again, if all is. */
function regained() {
  if (ended || !isOpen()) return;
  since = undefined;
  following?.opened();
}

function notAnswered() {
  answered = false;
  lost();
  clearTimeout(retry);
  retry = setTimeout(() => following?.again(), AGAIN_MS);
}

/** Asks the server for a piece of a page, without counting as somebody who is there; undefined if it gave none. */
export async function ask(url, headers = {}) {
  if (ended) return undefined;
  try {
    const answer = await fetch(url, { headers: { ...headers, "x-by-itself": "yes" }, redirect: "manual" });
    if (answer.ok) {
      const text = await answer.text();
      const before = answered;
      answered = true;
      if (!before) regained();
      return text;
    }
    if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) signedOut();
    else if (answer.status >= 500) notAnswered();
  } catch {
    // The server is away. The stream says when it is back, and then everything is looked at again.
    notAnswered();
  }
  return undefined;
}

/** Does the page show the ticket as it was before its event number seq? */
export const isBehind = (root, { ticket, seq }) => [...root.querySelectorAll(`[data-ticket="${CSS.escape(ticket)}"][data-seq]`)].some((node) => Number(node.dataset.seq) < seq);

const shares = typeof SharedWorker === "function";
/** A browser has few connections: pages that share no stream have one only while somebody looks. */
const isUnseen = ({ always }) => document.hidden && !(always && shares);

/** A stream of this page alone, for browsers that share none between pages. */
function ownStream(hear) {
  const source = new EventSource("/live");
  for (const kind of ["status", "dispatch", "alert", "seen"]) source.addEventListener(kind, (event) => hear(kind, JSON.parse(event.data)));
  for (const kind of ["resync", "away"]) source.addEventListener(kind, () => hear(kind));
  source.addEventListener("error", () => hear(source.readyState === EventSource.CLOSED ? "closed" : "error"));
  return { close: () => source.close() };
}

/** The stream that all pages of the browser share. */
function sharedStream(hear) {
  const { port } = new SharedWorker("/assets/live-worker.js", "oms-live");
  port.onmessage = ({ data: [kind, payload] }) => hear(kind, payload);
  port.postMessage("open");
  const close = () => {
    port.postMessage("close");
    removeEventListener("pagehide", close);
  };
  addEventListener("pagehide", close);
  return { close };
}

/**
 * Follows the events: heard(kind, payload) for each, again() when some may have been missed, opened() when it runs.
 * url is asked when there is no stream, to tell a server that is away from a session that has ended. A page that nobody
 * sees does not follow, unless it is said to go on always and the browser shares the stream.
 */
export function follow(what) {
  following = what;
  listen(what);
  addEventListener("pageshow", (event) => {
    // Back from the browser's memory: the stream was closed when the page went.
    if (event.persisted) restart(what);
  });
  document.addEventListener("visibilitychange", () => {
    if (isUnseen(what)) stop();
    else if (stream === undefined) listen(what);
  });
}

function stop() {
  stream?.close();
  stream = undefined;
}

function restart(what) {
  stop();
  if (!ended) listen(what);
}

function listen(what) {
  const { url, heard, again } = what;
  if (ended || isUnseen(what)) return;
  stream = (shares ? sharedStream : ownStream)((kind, payload) => {
    if (ended) return;
    if (kind === "resync") {
      up = true;
      again();
      regained();
    } else if (kind === "away" || kind === "error") {
      up = false;
      lost();
    } else if (kind === "closed") {
      up = false;
      lost();
      stop();
      // The browser does not try again by itself if the answer was no stream.
      setTimeout(async () => {
        await ask(url);
        if (stream === undefined) listen(what);
      }, 1000);
    } else heard(kind, payload);
  });
}
