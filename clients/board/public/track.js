/**
 * The result has an address of its own, /track#DL-2026-00091-7QK3M9ZT4, as in a message or a bookmark: browsers keep
 * what follows the # to themselves, and this asks for it by POST. Without scripts the form does it alone.
 */
const main = document.getElementById("content");
const form = [...main.childNodes];
const fieldsOf = document.getElementById("track");
const title = document.title;
/** What is asked for last; an answer that comes later than another question is not shown. */
let asked = 0;

function numberIn(hash) {
  const number = decodeURIComponent(hash.slice(1).replaceAll(/%(?![0-9a-f]{2})/gi, "%25"));
  // The link to skip to the content.
  return number === "content" ? "" : number;
}

function showForm(number = "") {
  asked++;
  document.title = title;
  main.replaceChildren(...form);
  ready();
  document.getElementById("number").value = number;
}

async function show(number) {
  const mine = ++asked;
  const fields = new URLSearchParams(new FormData(fieldsOf));
  fields.set("number", number);
  const answer = await fetch("/track", { method: "POST", body: fields, headers: { accept: "*/*" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== asked) return;
  document.title = page.title;
  main.replaceChildren(...page.getElementById("content").childNodes);
  ready();
  const head = main.querySelector("h1");
  head.tabIndex = -1;
  head.focus();
  window.scrollTo({ top: 0, behavior: "instant" });
}

/** The number in the address is asked for; without one there is the form. */
async function showAddress() {
  const number = numberIn(location.hash);
  if (number === "") return showForm();
  try {
    await show(number);
  } catch {
    // Nothing came: the form is there to try again with.
    showForm(number);
  }
}

function ready() {
  const print = document.getElementById("print");
  if (print) {
    print.hidden = false;
    print.addEventListener("click", () => window.print());
  }
}

document.addEventListener("submit", (event) => {
  if (event.target.id !== "track") return;
  event.preventDefault();
  delete event.target.dataset.sent;
  const number = event.target.elements.number.value.trim();
  if (numberIn(location.hash) === number) void showAddress();
  else location.hash = encodeURIComponent(number);
});
addEventListener("hashchange", () => {
  if (location.hash !== "#content") void showAddress();
});
ready();
if (numberIn(location.hash) !== "") void showAddress();
