/** What a report is about: a period and perhaps a workflow, in the address so that it can be kept and sent on. */
import type { Times } from "../format.js";
import { param, Refused, type Web } from "../web.js";

export interface Scope {
  /** First and last day, in the time zone of the database; without one, no such end. */
  from: string | undefined;
  to: string | undefined;
  workflow: string | undefined;
}

export const PRESETS = { 7: "7 days", 30: "30 days", 90: "90 days", all: "all" } as const;
const USUAL = "30";

function readDay(c: Web, name: string): string | undefined {
  const text = param(c, name);
  if (text === undefined) return undefined;
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  if (at === undefined || Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== text || text < "0001")
    throw new Refused(400, `"${text}" is not a date.`, "Write it as 2026-03-31.");
  return text;
}

/** The day so many days later. */
export function addDays(day: string, days: number): string {
  const at = new Date(`${day}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

function periodOf(preset: string, now: Date, times: Times) {
  if (preset === "all") return { from: undefined, to: undefined };
  const today = times.date(now);
  return { from: addDays(today, 1 - Number(preset)), to: today };
}

/** Days, or period=7, 30, 90 or all; with none of them, usual. */
export function readScope(c: Web, now: Date, times: Times, usual: string = USUAL): Scope {
  const workflow = param(c, "workflow");
  const [from, to] = [readDay(c, "from"), readDay(c, "to")];
  if (from !== undefined && to !== undefined) return { from: from < to ? from : to, to: from < to ? to : from, workflow };
  if (from !== undefined || to !== undefined) return { from, to, workflow };
  const preset = param(c, "period") ?? usual;
  if (!Object.hasOwn(PRESETS, preset)) throw new Refused(400, `There is no period "${preset}".`);
  return { ...periodOf(preset, now, times), workflow };
}

/** The preset that a period is just now. */
export function presetOf(scope: Scope, now: Date, times: Times): string | undefined {
  return Object.keys(PRESETS).find((preset) => {
    const { from, to } = periodOf(preset, now, times);
    return from === scope.from && to === scope.to;
  });
}

/** The parameters with the days that are meant, so that an address means the same tomorrow. */
export function scopeParams(scope: Scope): Record<string, string | undefined> {
  const always = scope.from === undefined && scope.to === undefined;
  return { period: always ? "all" : undefined, from: scope.from, to: scope.to, workflow: scope.workflow };
}

/** An address with those parameters that are there. */
export function address(path: string, params: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== "") search.set(name, String(value));
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}

export function periodWords(scope: Scope): string {
  if (scope.from === undefined && scope.to === undefined) return "since the beginning";
  if (scope.from === undefined) return `up to ${scope.to ?? ""}`;
  return scope.to === undefined ? `from ${scope.from} on` : scope.from === scope.to ? `on ${scope.from}` : `${scope.from} to ${scope.to}`;
}
