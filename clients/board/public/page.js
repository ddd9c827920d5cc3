/**
 * On every page: the server learns the time zone, a form is sent once, what is dangerous is asked once more, what was
 * typed is kept until it has arrived, and after an action the focus is at the next row.
 */
const read = (name) => {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
};
function write(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // No room: then it is not kept.
  }
}

// ---- where the browser is ----

// For times on the pages; the first page has none. Citizens get no cookie.
if (document.querySelector("div.track") === null) document.cookie = `zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=31536000; samesite=strict`;

// ---- what was typed ----

/** The fields that people fill in. */
const fieldsOf = (form) => [...form.elements].filter((e) => e.name && e.type !== "hidden" && e.type !== "submit" && e.name !== "unknown");
const draftOf = (form) => `draft ${form.dataset.role} ${form.action} ${form.elements.stage?.value ?? ""}`;

const valueOf = (e) => (e.type === "checkbox" ? e.checked : e.value);

function keep(form) {
  write(draftOf(form), fieldsOf(form).map((e) => [e.name, valueOf(e)]));
  write("sent", draftOf(form));
}

/** Brings back what was sent last and did not arrive, where the form does not have it: it does after it was refused. */
function fillIn(form) {
  const values = new Map(read(draftOf(form)) ?? []);
  const others = fieldsOf(form).filter((e) => values.has(e.name) && String(values.get(e.name)).trim() !== String(valueOf(e)).trim());
  for (const e of others) {
    if (e.type === "checkbox") e.checked = values.get(e.name) === true;
    else e.value = values.get(e.name);
  }
  if (others.length === 0) return;
  const said = document.createElement("p");
  said.className = "hint";
  said.setAttribute("role", "status");
  said.textContent = "This is what you typed before; it has not been sent.";
  form.prepend(said);
}

const message = document.querySelector(".message");
if (document.querySelector(".message-done") !== null) {
  sessionStorage.removeItem(read("sent") ?? "");
  sessionStorage.removeItem("sent");
}
for (const form of document.querySelectorAll("form[data-keep]")) fillIn(form);

// ---- where one was ----

/** The row of an action and those beside it, for the page that comes back. */
function remember(element) {
  const row = element.closest("[data-part] tr[data-key]");
  if (row === null) return;
  const part = row.closest("[data-part]").dataset.part;
  const keys = [row.nextElementSibling, row.previousElementSibling, row].flatMap((r) => r?.dataset.key ?? []);
  write("place", { path: location.pathname, part, keys });
}

function goBack() {
  const place = read("place");
  if (place === null || place.path !== location.pathname || message === null) return;
  sessionStorage.removeItem("place");
  const part = document.querySelector(`[data-part="${CSS.escape(place.part)}"]`);
  const row = place.keys.map((key) => part?.querySelector(`tr[data-key="${CSS.escape(key)}"]`)).find((found) => found != null);
  (row?.querySelector(".offers :is(a, button)") ?? row?.querySelector("a, summary, th[tabindex]") ?? part?.querySelector("h2[tabindex]"))?.focus();
}
goBack();

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(".offers a");
  if (link) remember(link);
});

// ---- tables ----

/** On a phone a row is a card, in which each cell has the name of its column, and of the group of columns if there is one. */
for (const table of document.querySelectorAll("table.cards")) {
  const lines = [...table.tHead.rows];
  const groups = lines.length === 1 ? [] : [...lines[0].cells].flatMap((group) => Array(group.colSpan).fill(group.textContent.trim()));
  const heads = [...lines.at(-1).cells].map((head, i) => (groups[i] ? `${groups[i]}: ${head.textContent}` : head.textContent));
  for (const { rows } of table.tBodies)
    for (const { cells } of rows) for (const cell of cells) if (cell.nodeName === "TD" && cell.colSpan === 1) cell.dataset.label ??= heads[cell.cellIndex] ?? "";
}

// ---- sending ----

document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = event.submitter?.dataset.ask ?? form.dataset.ask;
  if (question && !window.confirm(question)) {
    event.preventDefault();
    return;
  }
  // Drafts are nothing for the next person at this desk.
  if (form.action.endsWith("/sign-out")) sessionStorage.clear();
  if (form.dataset.sent) event.preventDefault();
  else if (form.method === "post") {
    form.dataset.sent = "yes";
    if (form.dataset.keep !== undefined) keep(form);
    if (event.submitter) remember(event.submitter);
  }
});
// The back button brings the page as it was.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
