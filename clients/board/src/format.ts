/** What the database says, in words for people: times, lengths of time, states, notes and errors. */

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

const STATES = "waiting|awaiting|queued|in_progress|on_hold|done|skipped|failed|cancelled|open";

/** A picture in DOT, with the states and times of its labels as a page has them. */
export const pictureWords = (dot: string, times: Times): string =>
  times.within(dot).replaceAll(new RegExp(String.raw`(?<=label="[^"]*\\n)(${STATES})(?=[,"])`, "g"), (state) => words(state));

/** Ids of stages in what oms says of them, as their labels. */
export const labelled = (text: string, label: (id: string) => string | undefined): string =>
  text.replaceAll(/[^\s,":]+/g, (id) => {
    const found = label(id);
    return found === undefined ? id : words(found);
  });

/** How an action and a stage are called on the page. */
export interface Called {
  title?: string | undefined;
  label?: string | undefined;
}

/** An error of oms without names of functions, stages and states that only it uses. */
export function errorWords(text: string, called: Called = {}): string {
  const stage = /^(\w+) is not possible for stage "(.*)" of ticket (\S+): the stage is (\w+)$/s.exec(text);
  if (stage !== null)
    return `"${called.title ?? words(stage[1] ?? "")}" is not possible now: ${words(called.label ?? stage[2] ?? "")} of ${stage[3] ?? ""} is ${words(stage[4] ?? "")}.`;
  const ticket = /^(\w+) is not possible for ticket (\S+): the ticket is (\w+)$/.exec(text);
  if (ticket !== null) return `"${called.title ?? words(ticket[1] ?? "")}" is not possible now: ${ticket[2] ?? ""} is ${words(ticket[3] ?? "")}.`;
  if (/^token \d+ of stage /.test(text)) return "Somebody else has this stage by now.";
  return text;
}

/** Is it the name of a time zone? Offsets are none: the database reads their sign the other way. */
export const isZone = (text: string): boolean => /^[A-Za-z_]+([/+-][A-Za-z0-9_]+)*$/.test(text) && knownZone(text) === text;

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
  const full = (at: Date) => `${date.format(at)} ${time.format(at)}`;
  return {
    zone: timezone,
    date: (at: Date) => date.format(at),
    full,
    /** A text with its times, which oms writes in UTC, in the zone of the page. */
    within: (text: string) =>
      text.replaceAll(/\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?)(?:Z| UTC)/g, (all, day: string, hour: string) => {
        const at = new Date(`${day}T${hour}Z`);
        return Number.isFinite(at.getTime()) ? full(at) : all;
      }),
  };
}
export type Times = ReturnType<typeof makeTimes>;
