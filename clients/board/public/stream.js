/** The server's stream of events, and the line on the page that says whether it runs. */
const live = document.getElementById("live");
const words = document.getElementById("live-words");
let source;
let ended = false;

export function say(state, text) {
  live.dataset.state = state;
  if (words.textContent !== text) words.textContent = text;
}

export const isOpen = () => source !== undefined && source.readyState === EventSource.OPEN;
const isClosed = () => source === undefined || source.readyState === EventSource.CLOSED;

function signedOut() {
  ended = true;
  source?.close();
  say("off", "You are signed out. Load the page again to sign in.");
}

/** Asks the server for a piece of a page, without counting as somebody who is there; undefined if it gave none. */
export async function ask(url) {
  if (ended) return undefined;
  try {
    const answer = await fetch(url, { headers: { "x-by-itself": "yes" }, redirect: "manual" });
    if (answer.ok) return await answer.text();
    if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) signedOut();
  } catch {
    // The server is away. The stream says when it is back, and then everything is looked at again.
  }
  return undefined;
}

/**
 * Follows the events: heard(kind, payload) for each, again() when some may have been missed, opened() when it runs.
 * url is asked when there is no stream, to tell a server that is away from a session that has ended. Unless it is
 * said to go on always, a page that nobody sees does not follow: without HTTP/2 a browser has six connections to a
 * server, so six of its tabs would keep the seventh from being loaded.
 */
export function follow(what) {
  listen(what);
  if (what.always) return;
  document.addEventListener("visibilitychange", () => {
    if (ended) return;
    if (document.hidden) source?.close();
    else if (isClosed()) listen(what);
  });
}

function listen(what) {
  const { url, heard, again, opened } = what;
  if (document.hidden && !what.always) return;
  source = new EventSource("/live");
  for (const kind of ["status", "dispatch", "alert"]) source.addEventListener(kind, (event) => heard(kind, JSON.parse(event.data)));
  source.addEventListener("resync", again);
  source.addEventListener("open", opened);
  source.addEventListener("error", () => {
    if (ended) return;
    say("off", "No live updates. Trying again.");
    // The browser tries again by itself unless the answer was no stream.
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(async () => {
      await ask(url);
      if (!ended && isClosed()) listen(what);
    }, 1000);
  });
}
