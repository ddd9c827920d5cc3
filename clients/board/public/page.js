/** On every page: a form is sent once, and what is dangerous is asked once more. */
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
  else if (form.method === "post") form.dataset.sent = "yes";
});
// The back button brings the page as it was.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
