/** /track#DL-2026-00091-7QK3M9ZT4, as in a message: fills the number in, and takes it out of the address. */
const number = document.getElementById("number");
const given = decodeURIComponent(location.hash.slice(1).replaceAll(/%(?![0-9a-f]{2})/gi, "%25"));
if (given !== "" && given !== "content" && number) {
  history.replaceState(null, "", location.pathname);
  number.value = given;
  document.querySelector("#track button").focus();
}

const print = document.getElementById("print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
