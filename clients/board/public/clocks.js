/** Clocks that go on by themselves, by the time of the database. */
const started = performance.now();
const databaseNow = Date.parse(document.body.dataset.now ?? "") || Date.now();
const now = () => databaseNow + performance.now() - started;

/** The same words as lengthOf in src/format.ts. */
function lengthOf(ms) {
  const minutes = Math.floor(Math.abs(ms) / 60000);
  if (minutes < 1) return "under a minute";
  const [days, hours, mins] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60];
  if (days > 0) return `${days} ${days === 1 ? "day" : "days"}${hours > 0 ? ` ${hours} h` : ""}`;
  if (hours > 0) return `${hours} h${mins > 0 ? ` ${mins} min` : ""}`;
  return `${mins} min`;
}

export function showClocks() {
  for (const clock of document.querySelectorAll(".clock[data-due]")) {
    const due = Date.parse(clock.dataset.due);
    const start = Date.parse(clock.dataset.start ?? "");
    const left = due - now();
    const late = left < 0;
    const used = late || !(start < due) ? 100 : Math.round((1 - left / (due - start)) * 100);
    const text = late ? `late by ${lengthOf(left)}` : `${lengthOf(left)} left`;
    const state = late ? "late" : used >= 80 ? "soon" : "fine";
    const shown = clock.querySelector(".clock-words");
    if (shown.textContent !== text) shown.textContent = text;
    clock.querySelector("meter").value = used;
    clock.classList.remove("clock-late", "clock-soon", "clock-fine");
    clock.classList.add(`clock-${state}`);
  }
}
setInterval(showClocks, 5000);
