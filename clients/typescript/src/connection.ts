import pg from "pg";
import type { Cell } from "./cells.js";
import { BadArgument, asOmsError } from "./errors.js";

/** What a query brings. */
export interface QueryRows {
  /** Its rows. */
  rows: unknown[];
}

/** Whatever can run a query: a `Client`, `PoolClient` or `Pool` of node-postgres, or what looks like one. */
export interface Queryable {
  /** Runs one statement with its parameters. */
  query(text: string, values?: unknown[]): Promise<QueryRows>;
}

/** Every function takes these as part of its last argument. */
export interface CallOptions {
  /** Where to run it, for instance in your own transaction. Default: a connection of the pool. */
  client?: Queryable | undefined;
}

/** The connection. What is left out comes from `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`, … */
export interface ConnectionOptions {
  /** `postgresql://user@host:5432/database` */
  connectionString?: string;
  /** Host name, or the directory of a socket. */
  host?: string;
  /** Port of the server. */
  port?: number;
  /** Role. */
  user?: string;
  /** Password, or a function that fetches it. */
  password?: string | (() => string | Promise<string>);
  /** Database. */
  database?: string;
  /** TLS: `true`, or the options of `tls.connect`. */
  ssl?: boolean | object;
  /** Most connections of the pool, 10 by default. */
  max?: number;
  /** Shown in `pg_stat_activity` and kept in the timeline; `hms-oms-sdk` by default. */
  applicationName?: string;
  /** How long to wait for a connection, in milliseconds; 10,000 by default, 0 is for ever. */
  connectTimeoutMs?: number;
  /** Settings of the session: `-c work_mem=64MB`. */
  options?: string;
  /** A standby, for {@link reader}. What is left out is as above; beside a `connectionString` it needs one, too. */
  read?: ReadConnectionOptions;
  /**
   * Cells, in the order of their numbers, in place of one database: each call goes to the cell that has the ticket. What a
   * cell leaves out is as above; beside a `connectionString` it needs one, too. Not together with `read`.
   */
  cells?: readonly CellOptions[];
}

/** A standby, as {@link ConnectionOptions} names it. */
export interface ReadConnectionOptions extends Omit<ConnectionOptions, "read" | "cells"> {
  /** How many seconds it may be behind; no limit by default. */
  maxLagSecs?: number;
}

/** A cell, as {@link ConnectionOptions} names it. */
export interface CellOptions extends Omit<ConnectionOptions, "read" | "cells"> {
  /** What errors call it; its database by default. */
  name?: string;
  /**
   * False for a cell that was added later: no tickets with an idempotency key or an applicant are opened there. As at the
   * front, and never changed afterwards, since a key must find its ticket again.
   */
  keyed?: boolean;
}

/** A connection in a transaction, as {@link withTransaction} hands it out. */
export type Transaction = Queryable;

let options: ConnectionOptions = {};
let current: pg.Pool | undefined;
/** A pool that the caller made is the caller's to close. */
let own = true;

/** @internal */
export function poolConfig(from: ConnectionOptions): pg.PoolConfig {
  const { applicationName, connectTimeoutMs, ...rest } = from;
  return {
    ...rest,
    ...(applicationName === undefined ? {} : { application_name: applicationName }),
    fallback_application_name: "hms-oms-sdk",
    connectionTimeoutMillis: connectTimeoutMs ?? 10_000,
    keepAlive: true,
    // A script ends when its last call is answered, not when the pool has been idle for long enough.
    allowExitOnIdle: true,
  };
}

/**
 * Says how to connect, or hands over a pool. Without it the usual `PG*` variables count. May be called
 * again; calls that run keep their connection.
 *
 * @param to - options of the connection, or `{ pool }` with a `pg.Pool` of your own, which stays yours to end
 *
 * @example
 * ```ts
 * configure({ host: "db.example.org", database: "agency", user: "web_form" });
 * ```
 */
export function configure(to: ConnectionOptions | { pool: object }): void {
  const before = own ? current : undefined;
  if ("pool" in to) {
    current = to.pool as pg.Pool;
    own = false;
  } else {
    options = to;
    current = undefined;
    own = true;
  }
  before?.end().catch(() => undefined);
  closeOthers().catch(() => undefined);
}

/** Closes the connections. A later call opens new ones. */
export async function close(): Promise<void> {
  const before = own ? current : undefined;
  if (own) current = undefined;
  await Promise.all([before?.end(), closeOthers()]);
}

const others: (() => Promise<void>)[] = [];

async function closeOthers(): Promise<void> {
  await Promise.all(others.map((close) => close()));
}

/**
 * What is to be closed with the pool, since it was made of the same options.
 *
 * @internal
 */
export function onConfigured(close: () => Promise<void>): void {
  others.push(close);
}

/**
 * The standby of {@link configure}.
 *
 * @internal
 */
export function readOptions(): ReadConnectionOptions | undefined {
  return !own || options.read === undefined ? undefined : { ...options, ...options.read };
}

/**
 * The cells of {@link configure}.
 *
 * @internal
 */
export function cellOptions(): CellOptions[] | undefined {
  if (!own || options.cells === undefined) return undefined;
  const { cells, read, ...shared } = options;
  if (read !== undefined) throw new BadArgument({ message: "cells and read do not go together", code: "22023" });
  return cells.map((cell) => ({ ...shared, ...cell }));
}

/** @internal */
export function newPool(from: ConnectionOptions): pg.Pool {
  const made = new pg.Pool(poolConfig(from));
  // An idle connection that breaks is replaced at the next call; without a listener it would end the process.
  made.on("error", () => undefined);
  // Nor may one that breaks while it passes from hand to hand.
  made.on("connect", (client) => client.on("error", () => undefined));
  return made;
}

/** @internal */
export function pool(): pg.Pool {
  if (cellOptions() !== undefined) {
    throw new BadArgument({
      message: "there are several cells, and it is not said which",
      code: "22023",
      hint: "Name one of cells() as client, or as cell of a transaction.",
    });
  }
  current ??= newPool(options);
  return current;
}

/**
 * A connection beside a pool, not yet connected, for what keeps a connection to itself.
 *
 * @internal
 */
export function newClient(beside: pg.Pool): pg.Client {
  // As the pool does it: passwords are hidden in its options, so they cannot be copied.
  const client = new pg.Client(beside.options);
  client.on("error", () => undefined);
  return client;
}

/**
 * A connection of a pool that is lent out.
 *
 * @internal
 */
export interface Lent {
  client: pg.PoolClient;
  /** Gives it back; one that broke is not used again. */
  release: (broken?: Error) => void;
}

/** @internal */
export async function lend(from: pg.Pool): Promise<Lent> {
  let broken: Error | undefined;
  const onError = (error: Error) => (broken = error);
  // While it is lent out, the pool does not listen for its errors; the next query reports them. In the callback,
  // since a promise would leave a moment without a listener, and an error in it would end the process.
  const client = await new Promise<pg.PoolClient>((resolve, reject) => {
    from.connect((error, lent) => {
      if (lent === undefined) {
        reject(error ?? new Error("no connection"));
        return;
      }
      lent.on("error", onError);
      resolve(lent);
    });
  });
  return {
    client,
    release: (failed) => {
      client.off("error", onError);
      client.release(failed ?? broken);
    },
  };
}

/** What {@link withTransaction} may be told. */
export interface TransactionOptions {
  /** Default: that of the session, normally `read committed`. */
  isolation?: "read committed" | "repeatable read" | "serializable";
  /** With cells: where, such as {@link cellOf} a ticket. */
  cell?: Cell | undefined;
}

/**
 * Runs `fn` in a transaction of its own: commits when it returns, rolls back when it throws. Hand the
 * transaction on as `client`.
 *
 * @param fn - gets the transaction; its own SQL goes through `tx.query`
 * @param options - isolation level, cell
 * @returns what `fn` returns
 *
 * @example
 * ```ts
 * const ticket = await withTransaction(async (tx) => {
 *   await tx.query("INSERT INTO application (ein) VALUES ($1)", [ein]);
 *   return openTicket("DisasterLoan", { ein }, { client: tx });
 * });
 * ```
 */
export async function withTransaction<T>(
  fn: (tx: Transaction) => Promise<T> | T,
  options: TransactionOptions = {},
): Promise<T> {
  let broken: Error | undefined;
  const { client, release } = await (options.cell === undefined ? lend(pool()) : options.cell.lend());
  try {
    await client.query(options.isolation === undefined ? "BEGIN" : `BEGIN ISOLATION LEVEL ${isolation(options.isolation)}`);
    try {
      const result = await fn(client);
      // After an error that fn swallowed, COMMIT rolls back and says so only here.
      const { command } = await client.query("COMMIT");
      if (command === "ROLLBACK") throw new Error("the transaction was rolled back: a statement in it had failed");
      return result;
    } catch (error) {
      await client.query("ROLLBACK").catch((failed: unknown) => {
        broken ??= failed as Error;
      });
      throw asOmsError(error);
    }
  } finally {
    release(broken);
  }
}

function isolation(level: string): string {
  if (!["read committed", "repeatable read", "serializable"].includes(level)) {
    throw new RangeError(`no such isolation level: ${level}`);
  }
  return level.toUpperCase();
}
