/**
 * What people do with a ticket and its stages. What is offered follows the table of states in README.md; what is
 * allowed is decided by the database.
 */
import {
  assign, cancelTicket, claimStage, comment, delegate, escalate, extend, reassign, release, reopen, resolve, resume, retryStage, sendBack, skipStage, stageFailed,
  startStage,
} from "hms-oms-sdk";
import type { Query } from "./db.js";
import { parse } from "./definition.js";
import { choicesOf, type Choices, type Facts, type Stage } from "./ticket/data.js";
import { Refused, type Form } from "./web.js";

export interface Input {
  name: string;
  label: string;
  hint?: string;
  kind: "text" | "line" | "json" | "check" | "choice" | "time";
  required?: boolean;
  /** What stands there first; of a check: "yes" or nothing. */
  first?: string;
  /** Of a choice; of a line: what is suggested. */
  from?: (choices: Choices, facts: Facts, stage: Stage | undefined) => (readonly [value: string, text: string])[];
}

export interface Call {
  query: Query;
  ticket: string;
  /** The stage's id; undefined: the whole ticket. */
  stage: string | undefined;
  form: Form;
  /** The role that is signed in, and so the worker. */
  me: string;
}

export interface Action {
  name: string;
  /** The function of oms that it calls. */
  right: string;
  /** On the link and the button. */
  title: string;
  about: "stage" | "ticket" | "both";
  /** States of a stage in which it is offered. */
  states: readonly string[];
  /** States of the ticket; not given: those that are not closed. */
  ticketStates?: readonly string[];
  possible?: (facts: Facts, stage: Stage | undefined) => boolean;
  inputs: readonly Input[];
  explained?: string;
  /** Asked once more before it is done. */
  ask?: string;
  /** A button at the stage, without a page of its own. */
  atOnce?: boolean;
  /** What was done, as a message. */
  said: string;
  run: (call: Call) => Promise<unknown>;
}

const OPEN = ["open", "on_hold", "failed"];
const ALL_TICKETS = [...OPEN, "done", "cancelled"];
const ALL = ["waiting", "awaiting", "queued", "in_progress", "on_hold", "done", "skipped", "failed", "cancelled"];
const UNFINISHED = ["waiting", "awaiting", "queued", "in_progress", "on_hold", "failed"];

const why: Input = { name: "reason", label: "Reason", kind: "text", required: true, hint: "Colleagues read it in the timeline; applicants do not." };
const note: Input = { name: "note", label: "Note", kind: "text", hint: "You can leave it empty." };
const owners = (choices: Choices) => choices.owners.map((o) => [o, o] as const);
const people = (choices: Choices) => choices.people.map((p) => [p, p] as const);
const named = (s: Stage) => [s.stage, s.label === s.stage ? s.stage : `${s.label} (${s.stage})`] as const;

/** All stages that come before one. */
function before(facts: Facts, stage: Stage): Set<string> {
  const byId = new Map(facts.stages.map((s) => [s.stage, s]));
  const found = new Set<string>();
  const look = [stage];
  for (let s = look.pop(); s !== undefined; s = look.pop())
    for (const id of s.needs) {
      const earlier = byId.get(id);
      if (earlier === undefined || found.has(id)) continue;
      found.add(id);
      look.push(earlier);
    }
  return found;
}

/** Where a stage can be sent back to: finished, and not after it; what comes before it first. */
function backTo(facts: Facts, stage: Stage): Stage[] {
  const earlier = before(facts, stage);
  const can = facts.stages.filter((s) => (s.status === "done" || s.status === "skipped") && !before(facts, s).has(stage.stage));
  return [...can.filter((s) => earlier.has(s.stage)).reverse(), ...can.filter((s) => !earlier.has(s.stage))];
}

/** The stage that a form is about. */
function stageOf({ ticket, stage }: Call): [ticket: string, stage: string] {
  if (stage === undefined) throw new Refused(400, "This form is not whole.");
  return [ticket, stage];
}

/** What the person saw of a stage when the form was made. */
export const seenOf = (stage: Stage) => [stage.cycle, stage.attempt, stage.worker ?? ""].join("/");

/**
 * The token of somebody who has the stage: claim_stage gives it again to whoever has it already, and locks the
 * ticket. Without one (nobody has the stage, or a machine) the database allows the call too. In both cases the
 * stage must still be the one that the form was about: nobody finishes what somebody else has meanwhile begun.
 */
async function tokenFor(call: Call): Promise<string | undefined> {
  const { query, form, me } = call;
  const [ticket, stage] = stageOf(call);
  const now = async () => {
    const [row] = await query.rows<{ status: string; cycle: number; attempt: number; worker: string | null }>(
      "SELECT s.status, s.cycle, s.attempt, s.worker FROM oms.stage AS s WHERE s.ticket_id = $1::oms.ticket_id AND s.stage = $2",
      [ticket, stage],
    );
    if (row === undefined) throw new Refused(404, `There is no such stage of ${ticket}.`);
    return row;
  };
  let found = await now();
  let token: string | undefined;
  if (found.status === "in_progress" && found.worker === me) {
    token = await claimStage(ticket, stage, { worker: me, client: query.client });
    found = await now();
  }
  const seen = form.text("seen");
  if (seen !== "" && seen !== [found.cycle, found.attempt, found.worker ?? ""].join("/"))
    throw new Refused(409, "The stage has changed since you opened this page.", found.worker === null ? "Look at the ticket first." : `${found.worker} has it now.`);
  return token;
}

/** JSON as it was written: the database keeps numbers that JavaScript would round. */
function jsonOf(form: Form, name: string): string {
  const text = form.optional(name) ?? "{}";
  try {
    JSON.parse(text);
  } catch {
    const [problem] = parse(text).problems;
    throw new Refused(422, `The output is not JSON${problem === undefined ? "" : `: line ${problem.line}, column ${problem.column}: ${problem.problem}`}.`, 'Output is JSON, for example {"approved": true, "amount": 80000}.');
  }
  return text;
}

/** A name that nobody knows may be a slip: it is asked about, and what is sent with it again is meant. */
export class UnknownName extends Refused {
  constructor(
    readonly given: string,
    question: string,
    readonly answer: string,
    near: string | undefined,
  ) {
    super(422, question, near === undefined ? "If it is a slip, correct it." : `Did you mean "${near}"?`);
  }
}

/** The name among those that is the same but for case, blanks and signs, seen or unseen. */
function sameBut(name: string, names: readonly string[]): string | undefined {
  const letters = (of: string) => of.normalize("NFKC").toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
  return names.find((n) => letters(n) === letters(name));
}

/** An owner is known that is registered, has members, or stands in a workflow. */
async function knownOwner({ query, form }: Call, name: string | undefined): Promise<void> {
  if (name === undefined || form.text("unknown") === name) return;
  const [found] = await query.rows(
    `SELECT FROM oms.owner AS o WHERE o.name = $1 UNION ALL SELECT FROM oms.owner_member AS m WHERE m.owner = $1
     UNION ALL SELECT FROM oms.workflow AS w WHERE w.current AND (w.definition ->> 'owner' = $1 OR
       w.definition @> pg_catalog.jsonb_build_object('stages', pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('owner', $1::text)))) LIMIT 1`,
    [name],
  );
  if (found !== undefined) return;
  throw new UnknownName(name, `"${name}" is not a known owner: create its queue all the same?`, `Create the queue of "${name}"`, sameBut(name, (await choicesOf(query)).owners));
}

/** A person is known that is a role, a member of an owner, or registered as one. */
async function knownPerson({ query, form }: Call, name: string): Promise<void> {
  if (form.text("unknown") === name) return;
  const [found] = await query.rows(
    `SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = $1 UNION ALL SELECT FROM oms.owner_member AS m WHERE m.member = $1
     UNION ALL SELECT FROM oms.owner AS o WHERE o.name = $1 AND o.kind = 'person' LIMIT 1`,
    [name],
  );
  if (found !== undefined) return;
  throw new UnknownName(name, `"${name}" is not a known person: give it to that name all the same?`, `Give it to "${name}"`, sameBut(name, (await choicesOf(query)).people));
}

/** What was typed into a field that must not be empty. */
const text = (form: Form, input: Input): string => {
  const value = form.optional(input.name);
  if (value === undefined) throw new Refused(422, `"${input.label}" is missing.`);
  return value;
};

/** For functions that take a note. */
const noteOf = ({ query: { client }, form }: Call) => ({ note: form.optional(note.name), client });

const done: Action = {
  name: "done", right: "stage_done", title: "Done", about: "stage", states: ["awaiting", "queued", "in_progress"],
  inputs: [{ name: "output", label: "Output", kind: "json", first: "{}", hint: 'JSON; later stages and conditions can read it. For example {"approved": true}' }],
  said: "is done",
  async run(call) {
    const output = jsonOf(call.form, "output");
    // Not by the SDK, which takes the output as JavaScript has it.
    await call.query.rows("SELECT oms.stage_done($1, $2, $3::pg_catalog.jsonb, $4::pg_catalog.int8)", [...stageOf(call), output, (await tokenFor(call)) ?? null]);
  },
};

const error: Input = { name: "error", label: "What went wrong", kind: "text", required: true };
const worker: Input = { name: "worker", label: "Person", kind: "line", required: true, from: people };
const to: Input = { name: "to", label: "To whom", kind: "line", required: true, from: people };
const owner: Input = { name: "owner", label: "New owner", kind: "line", required: true, from: owners };
const more: Input = { name: "more", label: "How much more", kind: "line", required: true, hint: "A whole number." };
const body: Input = { name: "body", label: "Comment", kind: "text", required: true };

/** In the order in which they are offered. */
export const ACTIONS: readonly Action[] = [
  {
    name: "claim", right: "claim_stage", title: "Claim", about: "stage", states: ["queued"], inputs: [], atOnce: true, said: "is yours now",
    run: (call) => claimStage(...stageOf(call), { worker: call.me, client: call.query.client }),
  },
  done,
  {
    name: "failed", right: "stage_failed", title: "Report a failure", about: "stage", states: ["queued", "in_progress"],
    inputs: [error, { name: "retryable", label: "It can be tried again", kind: "check", first: "yes", hint: "While attempts are left the stage is queued again, after a pause." }],
    said: "was reported as failed",
    async run(call) {
      const what = text(call.form, error);
      await stageFailed(...stageOf(call), what, { token: await tokenFor(call), retryable: call.form.text("retryable") === "yes", client: call.query.client });
    },
  },
  {
    name: "release", right: "release", title: "Give it back", about: "stage", states: ["in_progress"], inputs: [note],
    explained: "It goes back to its old position in the queue.", said: "is in the queue again",
    async run(call) {
      await release(...stageOf(call), { ...noteOf(call), token: await tokenFor(call) });
    },
  },
  {
    name: "start", right: "start_stage", title: "Start", about: "stage", states: ["waiting", "awaiting"], inputs: [], atOnce: true, said: "has started",
    // What awaits its moment is brought forward; nothing but its message brings forward what awaits that.
    possible: (facts, stage) => stage?.status === "awaiting" ? stage.waits_for === null
      : stage?.manual === true && stage.needs.every((n) => facts.stages.some((s) => s.stage === n && (s.status === "done" || s.status === "skipped"))),
    run: (call) => startStage(...stageOf(call), { client: call.query.client }),
  },
  {
    name: "resolve", right: "resolve", title: "Hand it back", about: "stage", states: ["in_progress"], inputs: [note],
    possible: (_, stage) => stage !== undefined && stage.delegated_by !== null, explained: "It goes back to the one who delegated it.", said: "is back with the one who delegated it",
    run: (call) => resolve(...stageOf(call), noteOf(call)),
  },
  {
    name: "comment", right: "comment", title: "Comment", about: "both", states: ALL, ticketStates: ALL_TICKETS,
    inputs: [body, { name: "public", label: "The applicant may read it", kind: "check" }], said: "has a new comment",
    run: ({ query: { client }, ticket, stage, form }) => comment(ticket, text(form, body), { stage, public: form.text("public") === "yes", client }),
  },
  {
    name: "hold", right: "hold", title: "Put on hold", about: "both", states: ["awaiting", "queued", "in_progress", "on_hold"],
    inputs: [
      { name: "known", label: "Reason", kind: "choice", from: (choices) => [["", "another, as written below"], ...choices.reasons.map((r) => [r.code, `${r.code}${r.public_label === null ? "" : ` – the applicant reads: ${r.public_label}`}${r.stops_clock ? "" : " (the clock runs on)"}`] as const)] },
      { name: "other", label: "Another reason", kind: "line", hint: "Only if none of the list fits." },
      { name: "until", label: "Until", kind: "time", hint: "It ends by itself then. Empty: until somebody lifts it." },
    ],
    said: "is on hold",
    run({ query, ticket, stage, form }) {
      const reason = form.optional("known") ?? form.optional("other");
      if (reason === undefined) throw new Refused(422, "A reason is missing.", "Choose one of the list, or write another.");
      if (form.optional("known") !== undefined && form.optional("other") !== undefined) throw new Refused(422, "There are two reasons.", "Choose one of the list, or write another, not both.");
      // Not by the SDK: the database knows which moment it is that was typed, in the zone of the page.
      return query.rows("SELECT oms.hold($1, $2, $3, $4::pg_catalog.timestamptz)", [ticket, stage ?? null, reason, form.optional("until") ?? null]);
    },
  },
  {
    name: "resume", right: "resume", title: "Lift the hold", about: "both", states: ["on_hold"],
    // A stage may stand only because its whole ticket does.
    possible: (facts, stage) => facts.holds.some((h) => h.stage === (stage?.stage ?? null)),
    inputs: [{
      name: "reason", label: "Which", kind: "choice",
      from: (_, facts, stage) => [["", "all of them"], ...facts.holds.filter((h) => h.stage === (stage?.stage ?? null)).map((h) => [h.reason, h.reason] as const)],
    }],
    said: "goes on",
    run: ({ query: { client }, ticket, stage, form }) => resume(ticket, stage ?? null, { reason: form.optional("reason"), client }),
  },
  {
    name: "extend", right: "extend", title: "More time", about: "both", states: ["awaiting", "queued", "in_progress", "on_hold", "failed"],
    possible: (facts, stage) => (stage ?? facts.ticket).limited,
    inputs: [more, { name: "unit", label: "Of what", kind: "choice", required: true, from: () => [["days", "days on which it is open"], ["mins", "minutes of open time"]] }, why],
    explained: "The time limit ends later, counted from when it ends now. Applicants see only a later date.", said: "has more time",
    async run(call) {
      const much = text(call.form, more);
      if (!/^\d{1,9}$/.test(much) || Number(much) === 0) throw new Refused(422, "How much more is a whole number, more than 0.");
      const { query: { client }, ticket, stage, form } = call;
      await extend(ticket, stage ?? null, text(form, why), form.text("unit") === "mins" ? { mins: Number(much), client } : { days: Number(much), client });
    },
  },
  {
    name: "assign", right: "assign", title: "Assign", about: "stage", states: ["queued", "in_progress"], inputs: [worker, note], said: "was assigned",
    explained: "Somebody gets it, whoever has it now.",
    async run(call) {
      const person = text(call.form, worker);
      await knownPerson(call, person);
      await assign(...stageOf(call), person, noteOf(call));
    },
  },
  {
    name: "delegate", right: "delegate", title: "Delegate", about: "stage", states: ["in_progress"], inputs: [to, note], said: "was delegated",
    explained: "Somebody else works on it and hands it back.",
    async run(call) {
      const person = text(call.form, to);
      await knownPerson(call, person);
      await delegate(...stageOf(call), person, noteOf(call));
    },
  },
  {
    name: "reassign", right: "reassign", title: "Reassign", about: "stage", states: ["queued", "in_progress", "on_hold", "failed"], inputs: [owner, why],
    explained: "It goes into the queue of another owner. Who has it now loses it.", said: "has another owner",
    async run(call) {
      const name = text(call.form, owner);
      await knownOwner(call, name);
      await reassign(...stageOf(call), name, text(call.form, why), { client: call.query.client });
    },
  },
  {
    name: "escalate", right: "escalate", title: "Escalate", about: "stage", states: ALL, ticketStates: ALL_TICKETS,
    inputs: [why, { name: "reassign_to", label: "Reassign to", kind: "line", from: owners, hint: "Empty: it stays with its owner, whose supervisor is told." }], said: "was escalated",
    async run(call) {
      const reassignTo = call.form.optional("reassign_to");
      await knownOwner(call, reassignTo);
      await escalate(...stageOf(call), text(call.form, why), { reassignTo, client: call.query.client });
    },
  },
  {
    name: "send-back", right: "send_back", title: "Send back", about: "stage", states: [...UNFINISHED, "done", "skipped"],
    possible: (facts, stage) => stage !== undefined && backTo(facts, stage).length > 0,
    inputs: [{ name: "to_stage", label: "To which stage", kind: "choice", required: true, from: (_, facts, stage) => (stage === undefined ? [] : backTo(facts, stage).map(named)) }, why],
    explained: "That stage is done again, and so is everything that comes after it.", ask: "Send it back? What comes after that stage has to be done again.", said: "was sent back",
    run: (call) => sendBack(...stageOf(call), call.form.text("to_stage"), text(call.form, why), { client: call.query.client }),
  },
  {
    name: "retry", right: "retry_stage", title: "Try again", about: "stage", states: ["failed"], inputs: [why], explained: "It is queued again, and attempts count from one.", said: "is queued again",
    run: (call) => retryStage(...stageOf(call), text(call.form, why), { client: call.query.client }),
  },
  {
    name: "skip", right: "skip_stage", title: "Skip", about: "stage", states: UNFINISHED, inputs: [why], explained: "It counts as finished without having been done.",
    ask: "Skip this stage? It will not be done.", said: "was skipped",
    run: (call) => skipStage(...stageOf(call), text(call.form, why), { client: call.query.client }),
  },
  {
    name: "reopen", right: "reopen", title: "Reopen", about: "stage", states: ["done", "skipped", "cancelled"], ticketStates: ALL_TICKETS, inputs: [why],
    explained: "It is queued again as its next cycle; what comes after it waits again.", ask: "Reopen this stage? What comes after it has to be done again.", said: "was reopened",
    run: (call) => reopen(...stageOf(call), text(call.form, why), { client: call.query.client }),
  },
  {
    name: "cancel", right: "cancel_ticket", title: "Cancel the ticket", about: "ticket", states: [], inputs: [why], explained: "It ends, with all its unfinished stages. The applicant is told that it was cancelled.",
    ask: "Cancel this ticket with all its unfinished stages?", said: "is cancelled",
    run: ({ query: { client }, ticket, form }) => cancelTicket(ticket, text(form, why), { client }),
  },
];

export const findAction = (name: string) => ACTIONS.find((a) => a.name === name);

export function offersForStage(facts: Facts, stage: Stage, can: (right: string) => boolean): Action[] {
  return ACTIONS.filter(
    (a) =>
      !facts.ticket.archived &&
      a.about !== "ticket" && can(a.right) && a.states.includes(stage.status) && (a.ticketStates ?? OPEN).includes(facts.ticket.status) &&
      (a.possible?.(facts, stage) ?? true),
  );
}

export function offersForTicket(facts: Facts, can: (right: string) => boolean): Action[] {
  return ACTIONS.filter(
    (a) =>
      !facts.ticket.archived &&
      a.about !== "stage" && can(a.right) && (a.ticketStates ?? OPEN).includes(facts.ticket.status) &&
      (a.possible?.(facts, undefined) ?? true),
  );
}
