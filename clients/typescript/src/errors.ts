/** What the server tells about an error, as node-postgres hands it on. */
interface ServerError {
  message: string;
  code: string;
  detail?: string;
  hint?: string;
}

/**
 * An error of oms. Each code of the contract has a subclass, so that `instanceof` tells them apart.
 * Errors that are not about oms, such as a lost connection, stay what node-postgres made of them.
 */
export class OmsError extends Error {
  /** SQLSTATE: `OM001` to `OM009`, `42501`, `22P02` or `22023`. */
  readonly code: string;
  /** More about it, if the server said more. */
  readonly detail: string | undefined;
  /** What to do about it, if the server has an idea. */
  readonly hint: string | undefined;

  /** @internal */
  constructor(from: { message: string; code: string; detail?: string | undefined; hint?: string | undefined }, cause?: unknown) {
    super(from.message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = from.code;
    this.detail = from.detail;
    this.hint = from.hint;
  }
}

/** OM001: there is no such workflow, or it is retired. */
export class UnknownWorkflow extends OmsError {}
/** OM002: there is no such ticket. */
export class UnknownTicket extends OmsError {}
/** OM003: the ticket has no such stage. */
export class UnknownStage extends OmsError {}
/** OM004: a definition is not valid. */
export class InvalidDefinition extends OmsError {
  /** Where in the definition, as a jsonpath: `$.stages[1].dependsOn[0]`. */
  get path(): string | undefined {
    return this.detail;
  }
}
/** OM005: not allowed in the present state, which the message names. */
export class WrongState extends OmsError {}
/** OM006: somebody else holds the stage by now, or nobody. */
export class StaleToken extends OmsError {}
/** OM007: somebody else has the stage. */
export class AlreadyClaimed extends OmsError {}
/** OM008: the idempotency key was used with another workflow or other data. */
export class IdempotencyConflict extends OmsError {}
/** OM009: the timeline is append-only. */
export class AppendOnly extends OmsError {}
/** 42501: the role lacks the right. Unknown tickets look the same to those who may not see every ticket. */
export class PermissionDenied extends OmsError {}
/** 22P02 and 22023: an argument is malformed, or its value is not allowed. */
export class BadArgument extends OmsError {}

/**
 * One of the cells could not be asked. Its `cause` is the error of node-postgres.
 */
export class CellUnavailable extends Error {
  /** `08001`: it was not reached, and nothing was done there; `08007`: the connection was lost, and what was asked may be done. */
  readonly code: "08001" | "08007";
  /** Its name. */
  readonly cell: string;

  /** @internal */
  constructor(cell: string, code: "08001" | "08007", cause: unknown) {
    const { message = "", code: why = "no answer" } = cause as { message?: string; code?: string };
    const what = code === "08001" ? `cell "${cell}" was not reached` : `the connection to cell "${cell}" was lost`;
    super(`${what}: ${message === "" ? why : message}`, { cause });
    this.name = "CellUnavailable";
    this.code = code;
    this.cell = cell;
  }
}

const classes: Record<string, typeof OmsError> = {
  OM001: UnknownWorkflow,
  OM002: UnknownTicket,
  OM003: UnknownStage,
  OM004: InvalidDefinition,
  OM005: WrongState,
  OM006: StaleToken,
  OM007: AlreadyClaimed,
  OM008: IdempotencyConflict,
  OM009: AppendOnly,
  "42501": PermissionDenied,
  "22P02": BadArgument,
  "22023": BadArgument,
};

function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

/**
 * Turns an error of node-postgres into the class of its code, for SQL of your own that calls oms.
 * Whatever is no error of oms comes back as it is.
 *
 * @param error - what was caught
 * @returns an {@link OmsError}, or `error` itself
 */
export function asOmsError(error: unknown): unknown {
  if (error instanceof OmsError || !isServerError(error)) return error;
  const kind = classes[error.code];
  return kind === undefined ? error : new kind(error, error);
}

/**
 * Whether trying again may help: the connection was lost or refused, the server is starting or
 * stopping, or the transaction lost against another one.
 *
 * @internal
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof OmsError || error instanceof TypeError || error instanceof RangeError) return false;
  if (isOfConnection(error)) return true;
  // 25006: a standby, until it is promoted. XX000 stands for what poolers say in their own words.
  return isServerError(error) && /^(08|40|53|57|58)|^(25006|55P03|XX000)$/.test(error.code);
}

/**
 * Whether there is no connection any more, so that what was asked may be done or not.
 *
 * @internal
 */
export function isOfConnection(error: unknown): boolean {
  if (error instanceof OmsError || error instanceof TypeError || error instanceof RangeError) return false;
  // No SQLSTATE begins with E, as those of the system do (EPIPE). A server that goes down says so: 57P01, 57P02.
  return !isServerError(error) || !/^[0-9A-DF-Z][0-9A-Z]{4}$/.test(error.code) || /^(08|57P0[12])/.test(error.code);
}
