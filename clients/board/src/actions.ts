/**
 * What people do with a ticket and its stages. What is offered follows the table of states in README.md; what is
 * allowed is decided by the database.
 */
import type { Query } from "./db.js";
import { parse } from "./definition.js";
import { choicesOf, type Choices, type Facts, type Stage } from "./ticket.js";
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
  possible?: (facts: Facts, stage: Stage, me: string) => boolean;
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
const ALL = ["waiting", "queued", "in_progress", "on_hold", "done", "skipped", "failed", "cancelled"];
const UNFINISHED = ["waiting", "queued", "in_progress", "on_hold", "failed"];

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

/** What the person saw of a stage when the form was made. */
export const seenOf = (stage: Stage) => [stage.cycle, stage.attempt, stage.worker ?? ""].join("/");

/**
 * The token of somebody who has the stage: claim_stage gives it again to whoever has it already, and locks the
 * ticket. Without one (nobody has the stage, or a machine) the database allows the call too. In both cases the
 * stage must still be the one that the form was about: nobody finishes what somebody else has meanwhile begun.
 */
async function tokenFor({ query, ticket, stage, form, me }: Call): Promise<string | null> {
  const now = async () => {
    const [row] = await query.rows<{ status: string; cycle: number; attempt: number; worker: string | null }>(
      "SELECT s.status, s.cycle, s.attempt, s.worker FROM oms.stage AS s WHERE s.ticket_id = $1::oms.ticket_id AND s.stage = $2",
      [ticket, stage],
    );
    if (row === undefined) throw new Refused(404, `There is no such stage of ${ticket}.`);
    return row;
  };
  let found = await now();
  let token: string | null = null;
  if (found.status === "in_progress" && found.worker === me) {
    ({ token } = await query.row<{ token: string }>("SELECT oms.claim_stage($1, $2, $3)::pg_catalog.text AS token", [ticket, stage, me]));
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
async function knownOwner({ query, form }: Call, name: string | null): Promise<void> {
  if (name === null || form.text("unknown") === name) return;
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
async function knownPerson({ query, form }: Call, name: string | null): Promise<void> {
  if (name === null || form.text("unknown") === name) return;
  const [found] = await query.rows(
    `SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = $1 UNION ALL SELECT FROM oms.owner_member AS m WHERE m.member = $1
     UNION ALL SELECT FROM oms.owner AS o WHERE o.name = $1 AND o.kind = 'person' LIMIT 1`,
    [name],
  );
  if (found !== undefined) return;
  throw new UnknownName(name, `"${name}" is not a known person: give it to that name all the same?`, `Give it to "${name}"`, sameBut(name, (await choicesOf(query)).people));
}

const text = (form: Form, input: Input): string | null => {
  const value = form.optional(input.name);
  if (value === undefined && input.required === true) throw new Refused(422, `"${input.label}" is missing.`);
  return value ?? null;
};

const done: Action = {
  name: "done", right: "stage_done", title: "Done", about: "stage", states: ["queued", "in_progress"],
  inputs: [{ name: "output", label: "Output", kind: "json", first: "{}", hint: 'JSON; later stages and conditions can read it. For example {"approved": true}' }],
  said: "is done",
  async run(call) {
    const output = jsonOf(call.form, "output");
    await call.query.rows("SELECT oms.stage_done($1, $2, $3::pg_catalog.jsonb, $4::pg_catalog.int8)", [call.ticket, call.stage, output, await tokenFor(call)]);
  },
};

const error: Input = { name: "error", label: "What went wrong", kind: "text", required: true };
const worker: Input = { name: "worker", label: "Person", kind: "line", required: true, from: people };
const to: Input = { name: "to", label: "To whom", kind: "line", required: true, from: people };
const owner: Input = { name: "owner", label: "New owner", kind: "line", required: true, from: owners };
const body: Input = { name: "body", label: "Comment", kind: "text", required: true };

/** In the order in which they are offered. */
export const ACTIONS: readonly Action[] = [
  {
    name: "claim", right: "claim_stage", title: "Claim", about: "stage", states: ["queued"], inputs: [], atOnce: true, said: "is yours now",
    run: ({ query, ticket, stage, me }) => query.rows("SELECT oms.claim_stage($1, $2, $3)", [ticket, stage, me]),
  },
  done,
  {
    name: "failed", right: "stage_failed", title: "Report a failure", about: "stage", states: ["queued", "in_progress"],
    inputs: [error, { name: "retryable", label: "It can be tried again", kind: "check", first: "yes", hint: "While attempts are left the stage is queued again, after a pause." }],
    said: "was reported as failed",
    async run(call) {
      const what = text(call.form, error);
      await call.query.rows("SELECT oms.stage_failed($1, $2, $3, $4::pg_catalog.int8, $5)", [call.ticket, call.stage, what, await tokenFor(call), call.form.text("retryable") === "yes"]);
    },
  },
  {
    name: "release", right: "release", title: "Give it back", about: "stage", states: ["in_progress"], inputs: [note],
    explained: "It goes back into the queue, at its old place.", said: "is in the queue again",
    async run(call) {
      const token = await tokenFor(call);
      await call.query.rows("SELECT oms.release($1, $2, $3, $4::pg_catalog.int8)", [call.ticket, call.stage, text(call.form, note), token]);
    },
  },
  {
    name: "start", right: "start_stage", title: "Start", about: "stage", states: ["waiting"], inputs: [], atOnce: true, said: "has started",
    possible: (facts, stage) => stage.manual && stage.needs.every((n) => facts.stages.some((s) => s.stage === n && (s.status === "done" || s.status === "skipped"))),
    run: ({ query, ticket, stage }) => query.rows("SELECT oms.start_stage($1, $2)", [ticket, stage]),
  },
  {
    name: "resolve", right: "resolve", title: "Hand it back", about: "stage", states: ["in_progress"], inputs: [note],
    possible: (_, stage) => stage.delegated_by !== null, explained: "It goes back to the one who delegated it.", said: "is back with the one who delegated it",
    run: ({ query, ticket, stage, form }) => query.rows("SELECT oms.resolve($1, $2, $3)", [ticket, stage, text(form, note)]),
  },
  {
    name: "comment", right: "comment", title: "Comment", about: "both", states: ALL, ticketStates: ALL_TICKETS,
    inputs: [body, { name: "public", label: "The applicant may read it", kind: "check" }], said: "has a new comment",
    run: ({ query, ticket, stage, form }) => query.rows("SELECT oms.comment($1, $2, $3, $4)", [ticket, text(form, body), stage ?? null, form.text("public") === "yes"]),
  },
  {
    name: "hold", right: "hold", title: "Put on hold", about: "both", states: ["queued", "in_progress", "on_hold"],
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
      return query.rows("SELECT oms.hold($1, $2, $3, $4::pg_catalog.timestamptz)", [ticket, stage ?? null, reason, form.optional("until") ?? null]);
    },
  },
  {
    name: "resume", right: "resume", title: "Lift the hold", about: "both", states: ["on_hold"],
    // A stage may stand only because its whole ticket does.
    possible: (facts, stage) => facts.holds.some((h) => h.stage === stage.stage),
    inputs: [{
      name: "reason", label: "Which", kind: "choice",
      from: (_, facts, stage) => [["", "all of them"], ...facts.holds.filter((h) => h.stage === (stage?.stage ?? null)).map((h) => [h.reason, h.reason] as const)],
    }],
    said: "goes on",
    run: ({ query, ticket, stage, form }) => query.rows("SELECT oms.resume($1, $2, $3)", [ticket, stage ?? null, form.optional("reason") ?? null]),
  },
  {
    name: "assign", right: "assign", title: "Assign", about: "stage", states: ["queued", "in_progress"], inputs: [worker, note], said: "was assigned",
    explained: "Somebody gets it, whoever has it now.",
    async run(call) {
      const { query, ticket, stage, form } = call;
      const person = text(form, worker);
      await knownPerson(call, person);
      await query.rows("SELECT oms.assign($1, $2, $3, $4)", [ticket, stage, person, text(form, note)]);
    },
  },
  {
    name: "delegate", right: "delegate", title: "Delegate", about: "stage", states: ["in_progress"], inputs: [to, note], said: "was delegated",
    explained: "Somebody else works on it and hands it back.",
    async run(call) {
      const { query, ticket, stage, form } = call;
      const person = text(form, to);
      await knownPerson(call, person);
      await query.rows("SELECT oms.delegate($1, $2, $3, $4)", [ticket, stage, person, text(form, note)]);
    },
  },
  {
    name: "reassign", right: "reassign", title: "Reassign", about: "stage", states: ["queued", "in_progress", "on_hold", "failed"], inputs: [owner, why],
    explained: "It goes into the queue of another owner. Who has it now loses it.", said: "has another owner",
    async run(call) {
      const { query, ticket, stage, form } = call;
      const name = text(form, owner);
      await knownOwner(call, name);
      await query.rows("SELECT oms.reassign($1, $2, $3, $4)", [ticket, stage, name, text(form, why)]);
    },
  },
  {
    name: "escalate", right: "escalate", title: "Escalate", about: "stage", states: ALL, ticketStates: ALL_TICKETS,
    inputs: [why, { name: "reassign_to", label: "Reassign to", kind: "line", from: owners, hint: "Empty: it stays with its owner, whose supervisor is told." }], said: "was escalated",
    async run(call) {
      const { query, ticket, stage, form } = call;
      const name = form.optional("reassign_to") ?? null;
      await knownOwner(call, name);
      await query.rows("SELECT oms.escalate($1, $2, $3, $4)", [ticket, stage, text(form, why), name]);
    },
  },
  {
    name: "send-back", right: "send_back", title: "Send back", about: "stage", states: [...UNFINISHED, "done", "skipped"],
    possible: (facts, stage) => backTo(facts, stage).length > 0,
    inputs: [{ name: "to_stage", label: "To which stage", kind: "choice", required: true, from: (_, facts, stage) => (stage === undefined ? [] : backTo(facts, stage).map(named)) }, why],
    explained: "That stage is done again, and so is everything that comes after it.", ask: "Send it back? What comes after that stage has to be done again.", said: "was sent back",
    run: ({ query, ticket, stage, form }) => query.rows("SELECT oms.send_back($1, $2, $3, $4)", [ticket, stage, form.text("to_stage"), text(form, why)]),
  },
  {
    name: "retry", right: "retry_stage", title: "Try again", about: "stage", states: ["failed"], inputs: [why], explained: "It is queued again, and attempts count from one.", said: "is queued again",
    run: ({ query, ticket, stage, form }) => query.rows("SELECT oms.retry_stage($1, $2, $3)", [ticket, stage, text(form, why)]),
  },
  {
    name: "skip", right: "skip_stage", title: "Skip", about: "stage", states: UNFINISHED, inputs: [why], explained: "It counts as finished without having been done.",
    ask: "Skip this stage? It will not be done.", said: "was skipped",
    run: ({ query, ticket, stage, form }) => query.rows("SELECT oms.skip_stage($1, $2, $3)", [ticket, stage, text(form, why)]),
  },
  {
    name: "reopen", right: "reopen", title: "Reopen", about: "stage", states: ["done", "skipped", "cancelled"], ticketStates: ALL_TICKETS, inputs: [why],
    explained: "It is queued again as its next cycle; what comes after it waits again.", ask: "Reopen this stage? What comes after it has to be done again.", said: "was reopened",
    run: ({ query, ticket, stage, form }) => query.rows("SELECT oms.reopen($1, $2, $3)", [ticket, stage, text(form, why)]),
  },
  {
    name: "cancel", right: "cancel_ticket", title: "Cancel the ticket", about: "ticket", states: [], inputs: [why], explained: "It ends, with all its unfinished stages. The applicant is told that it was cancelled.",
    ask: "Cancel this ticket with all its unfinished stages?", said: "is cancelled",
    run: ({ query, ticket, form }) => query.rows("SELECT oms.cancel_ticket($1, $2)", [ticket, text(form, why)]),
  },
];

export const findAction = (name: string) => ACTIONS.find((a) => a.name === name);

export function offersForStage(facts: Facts, stage: Stage, me: string, can: (right: string) => boolean): Action[] {
  return ACTIONS.filter(
    (a) =>
      !facts.ticket.archived &&
      a.about !== "ticket" && can(a.right) && a.states.includes(stage.status) && (a.ticketStates ?? OPEN).includes(facts.ticket.status) &&
      (a.possible?.(facts, stage, me) ?? true),
  );
}

export function offersForTicket(facts: Facts, can: (right: string) => boolean): Action[] {
  return ACTIONS.filter(
    (a) =>
      !facts.ticket.archived &&
      a.about !== "stage" && can(a.right) && (a.ticketStates ?? OPEN).includes(facts.ticket.status) &&
      (a.name !== "resume" || facts.holds.some((h) => h.stage === null)),
  );
}
