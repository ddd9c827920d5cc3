/** Pieces of pages. Everything that comes from the database goes through JSX, which escapes it. */
import type { Child, FC, PropsWithChildren } from "hono/jsx";
import { lengthOf, secondsBetween, type Times } from "./format.js";
import type { Figures } from "./kept.js";
import { formToken, type Session } from "./session.js";

/** Signs beside the words, for whoever sees no colours. */
const SIGNS: Record<string, string> = {
  open: "○", waiting: "·", awaiting: "◌", queued: "○", in_progress: "◐", on_hold: "‖", failed: "✕", done: "●", skipped: "→", cancelled: "⊘",
};

export const Status: FC<{ status: string }> = ({ status }) => (
  <span class={`status status-${status.replaceAll(/[^a-z_]/g, "")}`}>
    <span aria-hidden="true">{SIGNS[status] ?? "•"}</span> {status.replaceAll("_", " ")}
  </span>
);

/**
 * A name that somebody chose: it cannot turn the text around it, and is broken only where it is longer than any name
 * should be.
 */
export const Name: FC<{ of: string }> = ({ of }) => <bdi class="name">{of}</bdi>;

/** A text in which no time and no number of a ticket is parted. */
export const Said: FC<{ of: string }> = ({ of }) => (
  <>{of.split(/(\b\d{4}-\d\d-\d\d(?: \d\d:\d\d)?\b|\b[A-Z]{1,4}-\d{4}-\d{5,}\b)/).map((piece, i) => (i % 2 === 1 ? <span class="nowrap">{piece}</span> : piece))}</>
);

/** Of which moment figures are that were not worked out just now: "These counts are", of ... */
export const AsOf: FC<{ figures: Figures<unknown> | undefined; times: Times; what: string }> = ({ figures, times, what }) => {
  if (figures?.old !== true) return null;
  const at = new Date(figures.at);
  const secs = secondsBetween(at, new Date());
  return (
    <p class="hint as-of">
      {what} of <time datetime={at.toISOString()} class="nowrap">{times.full(at)}</time>, {secs < 60 ? `${Math.ceil(secs)} s` : lengthOf(secs)} ago. They take a
      while to make, so they are made now and then.
    </p>
  );
};

export interface ClockFacts {
  due_at: Date | null;
  /** NULL: it stands. */
  running_since: Date | null;
  queued_at: Date | null;
  /** What awaits a message has its clock running, and is never queued. */
  awaiting_at?: Date | null;
  breached_at?: Date | null;
  status: string;
}

/**
 * What is left of a time limit: in words, as a bar, as a colour. live.js keeps it up to date with the
 * attributes. Time on the wall: a calendar's closed hours have been worked into the due time.
 */
export const Clock: FC<{ facts: ClockFacts; now: Date; times: Times }> = ({ facts, now, times }) => {
  const { due_at: due } = facts;
  const queued = facts.queued_at ?? facts.awaiting_at ?? null;
  const ended = facts.status === "done" || facts.status === "skipped" || facts.status === "cancelled";
  if (due === null || !Number.isFinite(due.getTime()) || (ended && facts.breached_at === null)) {
    const text = ended ? "in time" : due === null && facts.running_since === null && facts.status === "on_hold" ? "stopped by the hold" : "no time limit";
    return <span class="clock clock-none">{ended && due === null ? "–" : text}</span>;
  }
  const late = (facts.breached_at ?? null) !== null || (facts.running_since !== null && due < now);
  const stands = facts.running_since === null;
  const left = secondsBetween(now, due);
  const whole = queued === null ? 0 : secondsBetween(queued, due);
  const used = whole <= 0 ? 100 : Math.max(0, Math.min(100, Math.round((1 - left / whole) * 100)));
  const state = late ? "late" : stands ? "held" : used >= 80 ? "soon" : "fine";
  const text = ended ? "finished late" : late ? `late by ${lengthOf(left)}` : stands ? "stopped" : `${lengthOf(left)} left`;
  return (
    <span
      class={`clock clock-${state}`}
      data-due={stands || ended ? undefined : due.toISOString()}
      data-start={queued?.toISOString()}
      title={`due ${times.full(due)} (${times.zone})`}
    >
      <meter min={0} max={100} low={80} high={99} optimum={0} value={late ? 100 : used} aria-hidden="true"></meter>{" "}
      <span class="clock-words">{text}</span>
    </span>
  );
};

export const Time: FC<{ at: Date | null; times: Times }> = ({ at, times }) =>
  at === null || !Number.isFinite(at.getTime()) ? <span>–</span> : <time datetime={at.toISOString()}>{times.full(at)}</time>;

/**
 * A form that changes something: always a POST, always with the token. keep: page.js keeps what is typed until it has
 * arrived, and fills it in again.
 */
/** Whether the page follows what happens; its scripts write times there in the zone of the page. */
export const LiveLine: FC<{ times: Times }> = ({ times }) => (
  <p class="live" id="live" role="status" aria-live="polite" data-zone={times.zone}>
    <span class="live-dot" aria-hidden="true"></span> <span id="live-words">Live updates start</span>
  </p>
);

export const PostForm: FC<PropsWithChildren<{ session: Session; action: string; class?: string; label?: string; keep?: true }>> = (props) => (
  <form method="post" action={props.action} class={props.class} aria-label={props.label} data-keep={props.keep === undefined ? undefined : "yes"} data-role={props.keep === undefined ? undefined : props.session.role}>
    <input type="hidden" name="csrf" value={formToken(props.session)} />
    {props.children}
  </form>
);

export const Field: FC<PropsWithChildren<{ label: string; for: string; hint?: Child }>> = (props) => (
  <p class="field">
    <label for={props.for}>{props.label}</label>
    {props.children}
    {props.hint === undefined ? null : (
      <small class="hint" id={`${props.for}-hint`}>
        {props.hint}
      </small>
    )}
  </p>
);

/** What narrows a page down; on a phone it is folded. */
export const Filters: FC<PropsWithChildren<{ action: string; label: string; used?: boolean; search?: boolean }>> = (props) => (
  <>
    <details class="fold">
      <summary>{props.used === true ? "Filters (in use)" : "Filters"}</summary>
    </details>
    <form method="get" action={props.action} class="filters" role={props.search === true ? "search" : undefined} aria-label={props.label}>
      {props.children}
    </form>
  </>
);

/** A table that is wider than a phone scrolls by itself, also by keyboard. */
/** right: from which column to which there are numbers, which stand at the right; their heads do, too. */
export const Table: FC<PropsWithChildren<{ caption: string; head: Child[]; right?: readonly [number, number]; class?: string; id?: string }>> = (props) => (
  <div class="table" role="region" aria-label={props.caption} tabindex={0}>
    <table class={props.class} id={props.id}>
      <caption>
        <Said of={props.caption} />
      </caption>
      <thead>
        <tr>
          {props.head.map((h, i) => (
            <th scope="col" class={props.right !== undefined && i >= props.right[0] && i <= props.right[1] ? "right" : undefined}>
              {h}
            </th>
          ))}
        </tr>
      </thead>
      {props.children}
    </table>
  </div>
);

export const TicketLink: FC<{ id: string }> = ({ id }) => (
  <a class="number" href={`/tickets/${encodeURIComponent(id)}`}>
    {id}
  </a>
);
