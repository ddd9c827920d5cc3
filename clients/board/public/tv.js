/**
 * The board on a wall. What follows the # of its address is the screen's token, which browsers send nowhere by
 * themselves; this trades it for a cookie, and again whenever the cookie is not known any more.
 */
import { timeOf } from "./times.js";

const live = document.getElementById("live");
const words = document.getElementById("live-words");
const wall = document.getElementById("wall");
/** What is shown is never older than this, whatever the stream says. */
const LOOK_MS = 20_000;
/** Many events at once are one look. */
const PAUSE_MS = 1000;
/** A server that hangs is away. */
const PATIENCE_MS = 15_000;
let since;
let stream;
let looking = false;
let wanted = false;

function say(state, text) {
  live.dataset.state = state;
  document.body.dataset.stale = state === "on" ? "no" : "yes";
  if (words.textContent !== text) words.textContent = text;
}

function stale(why) {
  since ??= new Date();
  const shown = wall.childElementCount > 0;
  say("off", `${why}${shown ? ` This is how it was at ${timeOf(since)}.` : ""}`);
}

/** Does the server let this screen in? */
async function enter() {
  const token = decodeURIComponent(location.hash.slice(1));
  const answer = await fetch("/tv", { method: "POST", body: new URLSearchParams({ token }), signal: AbortSignal.timeout(PATIENCE_MS) });
  if (answer.status === 401) return false;
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return true;
}

async function ask() {
  const answer = await fetch("/tv/wall", { signal: AbortSignal.timeout(PATIENCE_MS) });
  if (answer.status === 401) return undefined;
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.text();
}

async function look() {
  wanted = true;
  if (looking) return;
  looking = true;
  while (wanted) {
    wanted = false;
    try {
      const html = (await ask()) ?? ((await enter()) ? await ask() : undefined);
      if (html === undefined) {
        // Nothing that this screen may not see any more stays on it.
        wall.replaceChildren();
        stale("This screen has no valid token: its address must end with # and one that is known.");
      } else {
        const fresh = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
        if (wall.firstElementChild === null) wall.append(fresh);
        else if (!wall.firstElementChild.isEqualNode(fresh)) wall.replaceChildren(fresh);
        since = undefined;
        say("on", "Live");
        follow();
      }
    } catch {
      stale("No updates: the board or its database is away.");
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  looking = false;
}

/** The stream only says that it is worth looking; what is right, the look says. */
function follow() {
  if (stream !== undefined && stream.readyState !== EventSource.CLOSED) return;
  stream = new EventSource("/tv/live");
  for (const kind of ["changed", "away", "error"]) stream.addEventListener(kind, look);
}

addEventListener("hashchange", look);
setInterval(look, LOOK_MS);
void look();
