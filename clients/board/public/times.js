/** A time as the pages write it: in their zone, by 24 hours. */
export function timeOf(at, seconds) {
  const timeZone = document.querySelector("[data-zone]")?.dataset.zone;
  return new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined }).format(at);
}
