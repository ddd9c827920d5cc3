/** Times and lengths of time in plain words. */

/** 3 days 4 h, 2 h 5 min, 12 min, under a minute; the two largest units. public/live.js has the same for the browser. */
export function lengthOf(seconds: number): string {
  const minutes = Math.floor(Math.abs(seconds) / 60);
  if (minutes < 1) return "under a minute";
  const [days, hours, mins] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60];
  if (days > 0) return `${days} ${days === 1 ? "day" : "days"}${hours > 0 ? ` ${hours} h` : ""}`;
  if (hours > 0) return `${hours} h${mins > 0 ? ` ${mins} min` : ""}`;
  return `${mins} min`;
}

export const secondsBetween = (from: Date, to: Date) => (to.getTime() - from.getTime()) / 1000;

export const count = (n: number) => n.toLocaleString("en-US");
export const percent = (share: number | null) => (share === null ? "–" : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`);
/** id_check → id check: for people who read it, and to give browsers a place to break the line. */
export const words = (id: string) => id.replaceAll("_", " ");

/** A zone that the database knows and JavaScript does not is rare: then times are in UTC, and the page says so. */
export function knownZone(timezone: string): string {
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
    return timezone;
  } catch {
    return "UTC";
  }
}

export function makeTimes(zone: string) {
  const timezone = knownZone(zone);
  const date = new Intl.DateTimeFormat("en-CA", { timeZone: timezone, year: "numeric", month: "2-digit", day: "2-digit" });
  const time = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, hour: "2-digit", minute: "2-digit" });
  return {
    zone: timezone,
    date: (at: Date) => date.format(at),
    full: (at: Date) => `${date.format(at)} ${time.format(at)}`,
  };
}
export type Times = ReturnType<typeof makeTimes>;
