/**
 * The workflow editor in the browser: takes over from the textarea of the page, which is what is sent. It stands
 * in a shadow tree, where style sheets made by a script are adopted as objects: so the page's policy needs to
 * allow no inline styles.
 */
import { basicSetup } from "codemirror";
import { json } from "@codemirror/lang-json";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const CHECK_MS = 350;
const KEPT = "oms-draft";

const form = document.getElementById("edit");
const area = document.getElementById("definition");
const count = document.getElementById("problem-count");
const list = document.getElementById("problems");
const picture = document.getElementById("picture");
const pictureState = document.getElementById("picture-state");
const examples = document.getElementById("examples");

// ---- the editor ----

const theme = EditorView.theme({
  "&": { backgroundColor: "var(--card)", color: "var(--text)", border: "1px solid var(--faint)", borderRadius: "5px", height: "100%", fontSize: "0.9rem" },
  "&.cm-focused": { outline: "3px solid var(--accent)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: 'ui-monospace, "DejaVu Sans Mono", monospace', lineHeight: "1.5", overflow: "auto" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--ground)", color: "var(--faint)", border: "0", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLineGutter": { color: "var(--text)", fontWeight: "600" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--h2)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--none-ground)", outline: "1px solid var(--faint)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--late)", textDecorationSkipInk: "none", backgroundColor: "var(--late-ground)" },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--card)", color: "var(--text)", border: "1px solid var(--line)" },
  ".cm-panels input, .cm-panels button": { font: "inherit", color: "inherit", backgroundColor: "var(--card)", backgroundImage: "none", border: "1px solid var(--faint)" },
  ".cm-diagnostic": { whiteSpace: "pre-wrap", maxWidth: "32rem" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--late)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--none-ground)", color: "var(--text)", border: "1px solid var(--line)" },
});
const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.string, color: "var(--fine)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--held)" },
]);

const host = document.createElement("div");
host.className = "editor";
const root = host.attachShadow({ mode: "open" });

const view = new EditorView({
  root,
  parent: root,
  state: EditorState.create({
    doc: area.value,
    extensions: [
      basicSetup, EditorView.lineWrapping, json(), theme, syntaxHighlighting(colours),
      EditorView.contentAttributes.of({ "aria-label": "Definition", "aria-multiline": "true", spellcheck: "false", tabindex: "0" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) changed();
      }),
    ],
  }),
});
area.before(host);
area.hidden = true;
// It cannot be focused, so what is missing is said by the server.
area.required = false;
document.querySelector("label[for=definition]").addEventListener("click", () => view.focus());

const text = () => view.state.doc.toString();

let timer;
let asking;

// ---- the draft is not lost ----

const begun = text();
const base = form.elements.base.value;
const kept = () => {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  } catch {
    return null;
  }
};
/** Unsaved from the start: what the server has sent back. */
let sent = false;
const unsaved = () => form.dataset.unsaved !== undefined || text() !== begun;

function keep() {
  try {
    if (unsaved()) sessionStorage.setItem(KEPT, JSON.stringify({ role: form.dataset.role, action: form.action, base, text: text() }));
    else sessionStorage.removeItem(KEPT);
  } catch {
    // No room: then only the warning is left.
  }
}

window.addEventListener("beforeunload", (event) => {
  if (!sent && unsaved()) event.preventDefault();
});
form.addEventListener("submit", () => {
  keep();
  area.value = text();
  sent = true;
});
// Who signs out leaves nothing behind: page.js clears it, and this keeps it clear.
document.addEventListener("submit", (event) => {
  if (event.target !== form) clearTimeout(timer);
});
window.addEventListener("pageshow", () => {
  sent = false;
});

function offer() {
  const draft = kept();
  if (draft === null || form.dataset.unsaved !== undefined) return;
  if (draft.role !== form.dataset.role || draft.action !== form.action || draft.base !== base || draft.text === text()) return;
  const box = document.createElement("div");
  box.className = "message message-done";
  box.setAttribute("role", "status");
  const words = document.createElement("p");
  words.textContent = "Your last draft is still here. ";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Bring it back";
  button.addEventListener("click", () => {
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: draft.text } });
    box.remove();
    view.focus();
  });
  words.append(button);
  box.append(words);
  form.before(box);
}

// ---- problems and picture ----

function changed() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    keep();
    void check();
  }, CHECK_MS);
}

const say = (element, words) => {
  if (element.textContent !== words) element.textContent = words;
};

async function ask(path, body, signal) {
  const answer = await fetch(path, {
    method: "POST", body, signal, redirect: "manual",
    headers: { "content-type": "text/plain; charset=utf-8", "x-csrf": form.elements.csrf.value },
  });
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.hint ? `${result.error} ${result.hint}` : result.error);
  return result;
}

async function check() {
  asking?.abort();
  asking = new AbortController();
  const asked = text();
  try {
    const { count: words, problems, examples: run, drawable } = await ask("/workflows/check", asked, asking.signal);
    // What was typed since then has its own check coming.
    if (asked !== text()) return;
    show(words, problems);
    showExamples(run);
    if (drawable) void draw();
    else tell("problems");
  } catch (error) {
    if (error.name !== "AbortError") say(count, `The draft could not be checked: ${error.message}`);
  }
}

let drawing = false;
let again = false;

/** One picture at a time: those of a large workflow take a while. */
async function draw() {
  again = drawing;
  if (drawing) return;
  drawing = true;
  picture.setAttribute("aria-busy", "true");
  const asked = text();
  try {
    const { svg } = await ask("/workflows/picture", asked);
    if (svg !== null) picture.replaceChildren(document.importNode(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, true));
    if (asked === text()) tell(svg === null ? "too large" : "yes");
  } catch (error) {
    say(pictureState, `The picture could not be drawn: ${error.message}`);
  }
  picture.removeAttribute("aria-busy");
  drawing = false;
  if (again) void draw();
}

/** Which picture it is that stands there. */
function tell(drawn) {
  const old = picture.childElementCount > 0;
  say(
    pictureState,
    drawn === "yes" ? "As the draft stands."
      : drawn === "too large" ? (old ? "The draft is too large for a picture. This is how it was before." : "The draft is too large for a picture.")
      : old ? "The draft has problems. This is the last picture without any." : "There is a picture as soon as the draft has no problems.",
  );
  picture.dataset.state = drawn;
}

function show(words, problems) {
  const end = view.state.doc.length;
  const marks = problems.map((p) => {
    const from = Math.min(p.from, end);
    return { from, to: Math.min(Math.max(p.to, from + 1), end), severity: "error", message: p.hint ? `${p.problem}\n${p.hint}` : p.problem };
  });
  view.dispatch(setDiagnostics(view.state, marks));
  list.replaceChildren(...problems.map(line));
  say(count, words);
}

/** What somebody wrote, so that it does not turn what stands beside it. */
function isolated(text) {
  const box = document.createElement("bdi");
  box.textContent = text;
  return box;
}

const MARKS = { holds: "✓", differs: "✗", "not run": "·" };

function showExamples(run) {
  examples.hidden = run.length === 0;
  examples.querySelector("ul").replaceChildren(...run.map(({ name, state }) => {
    const item = document.createElement("li");
    item.dataset.state = state;
    item.append(`${MARKS[state]} `, isolated(name), ` ${state}`);
    return item;
  }));
}

/** As ProblemList in src/routes/workflows-edit.tsx. */
function line(p) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = "#definition";
  link.dataset.from = p.from;
  link.dataset.to = p.to;
  link.textContent = `Line ${p.line}, column ${p.column}`;
  item.append(link, ": ", isolated(p.problem));
  if (p.path !== "" && p.path !== "$") {
    const path = document.createElement("code");
    path.append(isolated(p.path));
    item.append(" ", path);
  }
  if (p.hint !== null) {
    const hint = document.createElement("small");
    hint.className = "hint";
    hint.append(" ", isolated(p.hint));
    item.append(hint);
  }
  return item;
}

list.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-from]");
  if (link === null) return;
  event.preventDefault();
  const end = view.state.doc.length;
  const [from, to] = [Math.min(Number(link.dataset.from), end), Math.min(Number(link.dataset.to), end)];
  view.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
  view.focus();
});

offer();
void check();
