/*
 * The one stream of events of a browser, for all of its pages: without HTTP/2 a browser has six connections to a
 * server, so a stream for each page would keep the seventh page from being loaded.
 *
 * A page says "open" when it wants to follow and "close" when it goes. It hears [kind, payload] for each event, and
 * ["error"] or ["closed"] when the stream breaks: "closed" if the browser does not try again by itself.
 */
const pages = new Set();
let source;

function tell(page, ...what) {
  page.postMessage(what);
}

function tellAll(...what) {
  for (const page of pages) tell(page, ...what);
}

/** What a page that comes later has to know. */
let state = [];

function open() {
  if (source !== undefined && source.readyState !== EventSource.CLOSED) return;
  state = [];
  source = new EventSource("/live");
  for (const kind of ["status", "dispatch", "alert", "seen"]) source.addEventListener(kind, (event) => tellAll(kind, JSON.parse(event.data)));
  for (const kind of ["resync", "away"])
    source.addEventListener(kind, () => {
      state = [kind];
      tellAll(kind);
    });
  source.addEventListener("error", () => {
    state = [source.readyState === EventSource.CLOSED ? "closed" : "error"];
    tellAll(...state);
  });
}

onconnect = ({ ports: [page] }) => {
  page.onmessage = ({ data }) => {
    if (data === "close") {
      pages.delete(page);
      if (pages.size === 0) {
        source?.close();
        source = undefined;
      }
      return;
    }
    const running = source?.readyState === EventSource.OPEN;
    pages.add(page);
    open();
    if (running && state.length > 0) tell(page, ...state);
  };
};
