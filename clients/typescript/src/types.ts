/** The number of a ticket, `DL-2026-00091`. */
export type TicketId = string;

/** What shows who holds a stage: a bigint of the server as text, so that JSON can carry it. */
export type Token = string;

/** A token may be given as text or as bigint. */
export type TokenLike = string | bigint;

/** What JSON can hold. Numbers beyond 2^53 lose digits in JavaScript; send them as strings. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Data of a ticket, or output of a stage. */
export type JsonObject = Record<string, unknown>;

/** States of a stage. */
export type StageStatus =
  | "waiting" | "awaiting" | "queued" | "in_progress" | "on_hold" | "done" | "skipped" | "failed" | "cancelled";

/** States of a ticket. */
export type TicketStatus = "open" | "on_hold" | "done" | "failed" | "cancelled";

/** When and how often to try again after a failure. */
export interface RetryDefinition {
  /** Tries within a cycle; 3 by default. */
  maxAttempts?: number;
  /** Pause after the first failure; 30 by default. */
  backoffSecs?: number;
  /** By how much the pause grows; 2 by default. */
  factor?: number;
  /** The longest pause; 3,600 by default. */
  maxSecs?: number;
}

/** A step of the ladder. */
export interface EscalationDefinition {
  /** `"100%"` of the limit, or `"+60m"` after the due time. */
  at: string;
  /** Whom to alert; `"supervisor"` is that of the owner. */
  notify?: string;
  /** The owner that gets the stage. */
  reassignTo?: string;
  /** Repeats the step. */
  everyMins?: number;
  /** How often at most. */
  max?: number;
  /** The output with which the stage is done then, by law; not with `reassignTo` or `everyMins`. */
  finishWith?: JsonObject;
}

/** A time limit that counts under a condition. */
export interface LimitRule {
  /** The jsonpath predicate that must hold; the last rule has none. */
  when?: string;
  /** Minutes of open time; either these or days. */
  mins?: number;
  /** Open dates. */
  days?: number;
}

/** What a step of a workflow says beside who does it. */
export interface StageKeys {
  /** Unique in the workflow. */
  id: string;
  /** Time limit in minutes of open time. */
  slaMins?: number;
  /** Time limit in open dates. */
  slaDays?: number;
  /** Time limits by rules, instead: the first that holds when the clock starts. */
  sla?: readonly LimitRule[];
  /** Jsonpath to the date or time by which it is due. */
  dueAt?: string;
  /** Stages that must be finished first. */
  dependsOn?: readonly string[];
  /** How many of them: all by default. */
  join?: "all" | "any" | number;
  /** Run only if `amount` of the data is at least this. */
  minAmount?: number;
  /** Run only if this jsonpath predicate holds. */
  when?: string;
  /** When to try again. */
  retry?: RetryDefinition;
  /** Percentages of the limit at which to warn. */
  warnAt?: readonly number[];
  /** What happens when it is late. */
  escalation?: readonly EscalationDefinition[];
  /** Its calendar. */
  calendar?: string;
  /** Its public name. */
  label?: string;
  /** The public name of its owner. */
  publicOwner?: string;
  /** Whoever did that stage cannot do this one. */
  notSameAs?: string;
  /** Starts only by {@link startStage}. */
  manual?: boolean;
  /** Minutes of open time that it awaits before it is queued. */
  delayMins?: number;
  /** jsonpath to the date or time before which it is not queued. */
  startAt?: string;
  /** The message that finishes it. */
  waitFor?: MessageDefinition;
}

/** The message that finishes a stage. */
export interface MessageDefinition {
  /** Its name. */
  message: string;
  /** Jsonpath to its key; by default the ticket's number. */
  key?: string;
}

/** A step of a workflow; the agent, group, person or service that does it may be left out with `waitFor`. */
export type StageDefinition = StageKeys & (OwnedStage | WaitingStage);

/** A step that somebody does. */
export interface OwnedStage {
  /** Agent, group, person or service. */
  owner: string;
}

/** A step that a message finishes. */
export interface WaitingStage {
  /** The owner of the workflow if it is left out, else the workflow's name. */
  owner?: string;
  /** The message. */
  waitFor: MessageDefinition;
}

/** A workflow: the template of its tickets. */
export interface WorkflowDefinition {
  /** Unique name; the same name with another definition makes a new version. */
  name: string;
  /** One to four letters before the numbers of its tickets. */
  prefix?: string;
  /** What it is. */
  description?: string;
  /** Who is responsible for the ticket as a whole. */
  owner?: string;
  /** Time limit of the whole ticket in minutes. */
  slaMins?: number;
  /** The same in open dates, instead of minutes. */
  slaDays?: number;
  /** Default calendar of its stages. */
  calendar?: string;
  /** Its steps, 1 to 4,096. */
  stages: readonly StageDefinition[];
  /** What it must keep to, at most 100. */
  examples?: readonly WorkflowExample[];
}

/** A ticket and how it must run; keys that are not given are not compared. */
export interface WorkflowExample {
  /** How messages call it. */
  name?: string;
  /** Data of the ticket. */
  data?: JsonObject;
  /** Output of each stage by id. */
  outputs?: Readonly<Record<string, Json>>;
  /** The stages that are done, in order. */
  path?: readonly string[];
  /** The stages that conditions leave out. */
  skipped?: readonly string[];
  /** When it is opened: ISO 8601, without an offset in the zone of the calendar. */
  opened_at?: string;
  /** Due time of stages by id, when all is done at `opened_at`. */
  due?: Readonly<Record<string, string>>;
}
