import { type Cell, byChance, cellOf, cells, hasChoice, named, ready } from "./cells.js";
import { type Arg, arg, callRows, callValue, date, json, opt, seconds, shape, ticketArg } from "./call.js";
import { type CallOptions, newClient, pool } from "./connection.js";
import { BadArgument, CellUnavailable, asOmsError } from "./errors.js";
import type { JsonObject, StageStatus, TicketId, Token, TokenLike } from "./types.js";

/** A token as a parameter; undefined stays undefined. */
export function tokenText(token: unknown): string | null | undefined {
  if (token === null || token === undefined || typeof token === "string") return token;
  // Numbers of JavaScript lose digits, and a wrong token could be another one's.
  if (typeof token !== "bigint") {
    throw new BadArgument({ message: `a token must be a string or a bigint, not a ${typeof token}`, code: "22023" });
  }
  return String(token);
}

/** A stage that was claimed. */
export interface Claimed {
  /** The ticket. */
  ticket: TicketId;
  /** The stage. */
  stage: string;
  /** Try within the cycle, from 1. */
  attempt: number;
  /** Shows that you hold it. */
  token: Token;
  /** The ticket's workflow. */
  workflow: string;
  /** The ticket's data. */
  data: JsonObject;
  /** Outputs of the stages it depends on, by id. */
  inputs: Record<string, JsonObject>;
  /** When it is due. */
  dueAt: Date | null;
  /** Until when to finish, or to say that you are alive. */
  leaseUntil: Date;
}

/** What {@link claim} may be told. */
export interface ClaimOptions extends CallOptions {
  /** Your name for the timeline; default: the role. */
  worker?: string | undefined;
  /** How many at most; 1 by default. */
  qty?: number | undefined;
  /** How long they are yours without a heartbeat; 300 by default. */
  leaseSecs?: number | undefined;
  /** With cells: told of one that was passed over since it failed. */
  onMissed?: ((error: unknown) => void) | undefined;
}

/**
 * Takes queued stages of an owner, highest priority first, then oldest. Never waits, and passes over
 * tickets that somebody is just changing. With cells: from one, chosen by chance, and from the others while there are fewer
 * than `qty`. One that is not reached is passed over, unless none is.
 *
 * @param owner - whose queue
 * @param options - worker, qty, leaseSecs, onMissed, client
 * @returns what you have now, maybe nothing
 */
export async function claim(owner: string, options: ClaimOptions = {}): Promise<Claimed[]> {
  if (hasChoice(options)) {
    await ready();
    return claimMore(owner, options, byChance());
  }
  return claimedBy(
    "claim",
    [
      arg("owner", "text", owner),
      opt("worker", "text", options.worker),
      opt("qty", "int", options.qty),
      opt("lease", "interval", seconds(options.leaseSecs)),
    ],
    options,
  );
}

/**
 * From one cell after the other. What one has handed out is committed there: it is returned whatever the next ones do, since
 * else nobody would know of this work until its lease runs out.
 */
async function claimMore(owner: string, options: ClaimOptions, from: readonly Cell[], claimed?: readonly Claimed[]): Promise<Claimed[]> {
  const jobs = [...(claimed ?? [])];
  const qty = options.qty ?? 1;
  let answered = claimed !== undefined;
  let missed: unknown;
  for (const client of from) {
    if (answered && jobs.length >= qty) break;
    try {
      jobs.push(...(await claim(owner, { ...options, qty: qty - jobs.length, client })));
      answered = true;
    } catch (error) {
      if (jobs.length === 0 && !(error instanceof CellUnavailable)) throw error;
      missed = error;
      options.onMissed?.(error);
    }
  }
  if (!answered) throw missed;
  return jobs;
}

async function claimedBy(fn: string, args: readonly Arg[], options: CallOptions): Promise<Claimed[]> {
  const rows = await callRows(fn, args, options, "ticket, stage, attempt, token::text AS token, workflow, data, inputs, due_at, lease_until");
  return rows.map((row) => shape<Claimed>(row, ["due_at", "lease_until"]));
}

/** What {@link claimStage} may be told. */
export interface ClaimStageOptions extends CallOptions {
  /** Your name for the timeline; default: the role. */
  worker?: string | undefined;
}

/**
 * Takes one named stage, without a lease: for people.
 *
 * @param ticket - its number
 * @param stage - which
 * @param options - worker, client
 * @returns the token
 * @throws {@link AlreadyClaimed}
 */
export async function claimStage(ticket: TicketId, stage: string, options: ClaimStageOptions = {}): Promise<Token> {
  return (await callValue(
    "claim_stage",
    [ticketArg(ticket), arg("stage", "text", stage), opt("worker", "text", options.worker)],
    options,
    "(*)::text",
  )) as Token;
}

/**
 * Queues a manual stage whose dependencies are met.
 *
 * @param ticket - its number
 * @param stage - which
 * @param options - client
 * @returns its new status
 */
export async function startStage(ticket: TicketId, stage: string, options: CallOptions = {}): Promise<StageStatus> {
  return (await callValue("start_stage", [ticketArg(ticket), arg("stage", "text", stage)], options)) as StageStatus;
}

/** What {@link sendMessage} may be told. */
export interface SendMessageOptions extends CallOptions {
  /** Becomes the output of the stage. */
  payload?: JsonObject | undefined;
  /** The same id again does nothing. */
  messageId?: string | undefined;
  /** How long it is kept until a stage waits for it; 30 days by default. */
  ttlSecs?: number | undefined;
}

/**
 * Sends a message to the stage that waits for it.
 *
 * @param name - of the message
 * @param key - of the message
 * @param options - payload, messageId, ttlSecs, client
 * @returns 1 if it finished a stage, 0 if it is kept
 */
export async function sendMessage(name: string, key: string, options: SendMessageOptions = {}): Promise<number> {
  return (await callValue("send_message", [
    arg("name", "text", name),
    arg("key", "text", key),
    opt("payload", "jsonb", json(options.payload)),
    opt("message_id", "text", options.messageId),
    opt("ttl", "interval", seconds(options.ttlSecs)),
  ], options)) as number;
}

/**
 * Drops the messages of a name and key that are kept.
 *
 * @param name - of the messages
 * @param key - of the messages
 * @param options - client
 * @returns how many there were
 */
export async function dropMessage(name: string, key: string, options: CallOptions = {}): Promise<number> {
  return (await callValue("drop_message", [arg("name", "text", name), arg("key", "text", key)], options)) as number;
}

/** What {@link heartbeat} may be told. */
export interface HeartbeatOptions extends CallOptions {
  /** The lease from now on; 300 by default. */
  leaseSecs?: number | undefined;
}

/**
 * Says that you are alive.
 *
 * @param ticket - its number
 * @param stage - which
 * @param token - from the claim
 * @param options - leaseSecs, client
 * @returns the new end of the lease
 * @throws {@link StaleToken} or {@link WrongState} if the stage is yours no more: stop working on it
 */
export async function heartbeat(
  ticket: TicketId,
  stage: string,
  token: TokenLike,
  options: HeartbeatOptions = {},
): Promise<Date> {
  return date(
    await callValue(
      "heartbeat",
      [
        ticketArg(ticket),
        arg("stage", "text", stage),
        arg("token", "bigint", tokenText(token)),
        opt("lease", "interval", seconds(options.leaseSecs)),
      ],
      options,
    ),
  );
}

/** What functions with an optional note may be told. */
export interface NotedOptions extends CallOptions {
  /** For the timeline. */
  note?: string | undefined;
}

/** What {@link release} may be told. */
export interface ReleaseOptions extends NotedOptions {
  /** From the claim: raises StaleToken if another has the stage by now. */
  token?: TokenLike | undefined;
}

/**
 * Gives a stage back to its old position in the queue.
 *
 * @param ticket - its number
 * @param stage - which
 * @param options - note, token, client
 * @returns its new status
 */
export async function release(ticket: TicketId, stage: string, options: ReleaseOptions = {}): Promise<StageStatus> {
  return (await callValue(
    "release",
    [
      ticketArg(ticket),
      arg("stage", "text", stage),
      opt("note", "text", options.note),
      opt("token", "bigint", tokenText(options.token)),
    ],
    options,
  )) as StageStatus;
}

/** What {@link stageDone} may be told. */
export interface StageDoneOptions extends CallOptions {
  /** From the claim; without it whoever may act for the owner can finish the stage. */
  token?: TokenLike | undefined;
}

/**
 * Finishes a stage. The same call again changes nothing.
 *
 * @param ticket - its number
 * @param stage - which
 * @param output - what it brought, for the stages after it and for conditions
 * @param options - token, client
 * @returns the stages that this queued
 * @throws {@link StaleToken}, {@link WrongState}
 */
export async function stageDone(
  ticket: TicketId,
  stage: string,
  output: JsonObject = {},
  options: StageDoneOptions = {},
): Promise<string[]> {
  return (await callValue(
    "stage_done",
    [
      ticketArg(ticket),
      arg("stage", "text", stage),
      arg("output", "jsonb", json(output)),
      opt("token", "bigint", tokenText(options.token)),
    ],
    options,
  )) as string[];
}

/** A stage for {@link stagesDone}. */
export interface DoneItem {
  /** The ticket. */
  ticket: TicketId;
  /** The stage. */
  stage: string;
  /** What it brought. */
  output?: JsonObject | undefined;
  /** From the claim. */
  token?: TokenLike | undefined;
}

/**
 * Finishes many stages, all or none. With cells: cell by cell; what was done at one stays if the next one refuses.
 *
 * @param items - the stages
 * @param options - client
 * @returns how many were finished now
 */
export async function stagesDone(items: readonly DoneItem[], options: CallOptions = {}): Promise<number> {
  let done = 0;
  for (const [client, part] of hasChoice(options) ? await byCell(items) : [[options.client, items] as const]) {
    done += (await callValue("stages_done", [arg("items", "jsonb", itemsText(part))], { client })) as number;
  }
  return done;
}

/** What goes to which cell. */
async function byCell<T extends DoneItem | FailedItem>(items: readonly T[]): Promise<(readonly [Cell, readonly T[]])[]> {
  const parts = new Map<Cell, T[]>();
  for (const item of items) {
    const cell = await cellOf(item.ticket);
    parts.set(cell, [...(parts.get(cell) ?? []), item]);
  }
  return [...parts];
}

function itemsText(items: readonly (DoneItem | FailedItem)[]): string {
  const text = items.map(({ token: given, ...item }) => {
    const token = tokenText(given);
    if (typeof token === "string" && !/^[0-9]+$/.test(token)) {
      throw new BadArgument({ message: `not a token: "${token}"`, code: "22P02" });
    }
    const rest = JSON.stringify(item);
    // JSON.stringify knows no bigint, and as a number the token would lose digits.
    return token === undefined || token === null ? rest : `${rest.slice(0, -1)},"token":${token}}`;
  });
  return `[${text.join(",")}]`;
}

/** A stage for {@link exchange} that could not be done. */
export interface FailedItem {
  /** The ticket. */
  ticket: TicketId;
  /** The stage. */
  stage: string;
  /** What went wrong. */
  error: string;
  /** Whether another attempt may help; true by default. */
  retryable?: boolean | undefined;
  /** From the claim. */
  token?: TokenLike | undefined;
}

/** What {@link exchange} may be told. */
export interface ExchangeOptions extends ClaimOptions {
  /** What you have done, or could not do; may be of other owners, too. */
  finished?: readonly (DoneItem | FailedItem)[] | undefined;
}

/**
 * Finishes stages and claims the next ones in one commit, all or nothing; what is finished here can be claimed here.
 * With cells: finishes cell by cell, claims in the same commit at the last of them, and then as {@link claim}.
 *
 * @param owner - whose queue to claim from
 * @param options - finished, worker, qty (0: only finish), leaseSecs, onMissed, client
 * @returns what you have now, maybe nothing
 * @throws the errors of {@link stageDone}, {@link stageFailed} and {@link claim}, with the item that they are about
 */
export async function exchange(owner: string, options: ExchangeOptions = {}): Promise<Claimed[]> {
  if (hasChoice(options)) {
    const parts = await byCell(options.finished ?? []);
    const last = parts.pop();
    if (last === undefined) return options.qty === 0 ? [] : claim(owner, options);
    for (const [client, finished] of parts) await exchange(owner, { ...options, finished, qty: 0, client });
    const [client, finished] = last;
    const jobs = await exchange(owner, { ...options, finished, client });
    return claimMore(owner, options, byChance().filter((cell) => cell !== client), jobs);
  }
  return claimedBy(
    "exchange",
    [
      arg("owner", "text", owner),
      opt("worker", "text", options.worker),
      opt("finished", "jsonb", options.finished && itemsText(options.finished)),
      opt("qty", "int", options.qty),
      opt("lease", "interval", seconds(options.leaseSecs)),
    ],
    options,
  );
}

/** What {@link stageFailed} may be told. */
export interface StageFailedOptions extends CallOptions {
  /** From the claim. */
  token?: TokenLike | undefined;
  /** Whether another attempt may help; true by default. */
  retryable?: boolean | undefined;
}

/**
 * Says that a stage could not be done: it is queued again after a pause while attempts are left.
 *
 * @param ticket - its number
 * @param stage - which
 * @param error - what went wrong
 * @param options - token, retryable, client
 * @returns `queued` or `failed`
 */
export async function stageFailed(
  ticket: TicketId,
  stage: string,
  error: string,
  options: StageFailedOptions = {},
): Promise<StageStatus> {
  return (await callValue(
    "stage_failed",
    [
      ticketArg(ticket),
      arg("stage", "text", stage),
      arg("error", "text", error),
      opt("token", "bigint", tokenText(options.token)),
      opt("retryable", "bool", options.retryable),
    ],
    options,
  )) as StageStatus;
}

/** What {@link waitForWork} may be told. */
export interface WaitOptions {
  /** How long to wait at most; 30 by default. */
  timeoutSecs?: number | undefined;
  /** Who is going to claim; passes over what that one cannot. The role of the connection by default. */
  worker?: string | undefined;
  /** Ends the waiting. */
  signal?: AbortSignal | undefined;
}

/**
 * Waits until an owner has something to claim, or the time is over. Works behind a pooler in transaction
 * mode, where LISTEN does not. Takes a connection of its own meanwhile, and cannot run in a transaction. With cells: until
 * one has, with a connection at each; those that are not reached are not waited for, unless none is.
 *
 * @param owner - whose queue
 * @param options - timeoutSecs, worker, signal
 */
export async function waitForWork(owner: string, options: WaitOptions = {}): Promise<void> {
  if (cells().length === 0) {
    await waitAt(undefined, owner, options);
    return;
  }
  const all = await ready();
  const over = new AbortController();
  const abort = () => { over.abort(); };
  if (isAborted(options.signal)) return;
  options.signal?.addEventListener("abort", abort, { once: true });
  try {
    await Promise.any(all.map((cell) => waitAt(cell, owner, { ...options, signal: over.signal })));
  } catch (error) {
    throw (error as AggregateError).errors[0];
  } finally {
    options.signal?.removeEventListener("abort", abort);
    abort();
  }
}

/**
 * At one of the cells, or at the one database.
 *
 * @internal
 */
export async function waitAt(cell: Cell | undefined, owner: string, options: WaitOptions): Promise<void> {
  const { signal } = options;
  if (signal?.aborted === true) return;
  const client = newClient(cell?.pool ?? pool());
  // The server notices on its own that the connection is gone and stops waiting.
  const abort = () => void client.end().catch(() => undefined);
  try {
    await client.connect();
    if (isAborted(signal)) return;
    signal?.addEventListener("abort", abort, { once: true });
    await client.query("CALL oms.wait_for_work(owner => $1::text, timeout => $2::interval, worker => $3::text)", [
      owner,
      seconds(options.timeoutSecs ?? 30),
      options.worker ?? null,
    ]);
  } catch (error) {
    if (!isAborted(signal)) throw named(cell, asOmsError(error));
  } finally {
    signal?.removeEventListener("abort", abort);
    await client.end().catch(() => undefined);
  }
}

/** The compiler would take an earlier answer for granted. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
