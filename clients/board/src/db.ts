/**
 * The only way to the database.
 *
 * The server's own login may do nothing: it is NOINHERIT, and a member of the roles of the people who sign in.
 * So everything runs as one of them, for one transaction: as(role, ...). The citizens' tracker has a
 * connection of its own, by a login that has the level citizen and no other.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { type MeasureLag, type Queryable, Standby, standbyLag } from "hms-oms-sdk";
import pg from "pg";
import type { Settings } from "./settings.js";
import { ONLY_SHOWS, Refused } from "./web.js";

export type Row = Record<string, unknown>;

/**
 * What a request may ask: the functions of the SDK, or where it has none, would change what was written (numbers with many
 * digits, times and days as they were typed) or would bring much more than a page shows, constant SQL with parameters.
 */
export interface Query {
  /** For the functions of the SDK. */
  client: Queryable;
  /** What is read here is at most so many seconds old; undefined: it is what stands now. */
  behind?: number;
  /** In which times are shown. */
  zone: string;
  rows<T extends object = Row>(sql: string, values?: readonly unknown[]): Promise<T[]>;
  row<T extends object = Row>(sql: string, values?: readonly unknown[]): Promise<T>;
}

export interface Database {
  /** Runs something as a role, in a transaction of its own: READ ONLY unless it is said to write. */
  as<T>(role: string, work: (query: Query) => Promise<T>, options?: { write?: boolean }): Promise<T>;
  /**
   * The same for what may be some seconds old, and has no effect: at the standby for readers, if there is one that is not
   * far behind, else at the primary.
   */
  report<T>(role: string, work: (query: Query) => Promise<T>): Promise<T>;
  /**
   * Runs something as the citizens' login. What is known to be slow has a few connections of its own. What is found by
   * a reader may be found at the standby; null: what is not there is asked of the primary, where it is counted.
   */
  citizen<T>(work: (query: Query) => Promise<T>, options?: { slow?: boolean; reader?: boolean }): Promise<T>;
  /** Is there a standby for readers? */
  hasReaders: boolean;
  hasCitizen: boolean;
  /** Is it the password of that role, and one that the board may act for? */
  signIn(role: string, password: string): Promise<boolean>;
  /** For a board that only reads: how many seconds old what it shows may be at most, as report() says it. */
  age(): Promise<number | undefined>;
  /** Does the database answer? Asked once a second at most, however many want to know. */
  answers(): Promise<boolean>;
  /** A connection of its own, for LISTEN, whose statements fail when they are not answered in time. */
  listener(answerMs: number): pg.Client;
  end(): Promise<void>;
}

/** The database does not check passwords, so nobody can be told from anybody. */
export class NoPasswords extends Error {
  constructor() {
    super("the database accepts any password: pg_hba.conf must ask for scram-sha-256 before people can sign in");
  }
}

/** The time zone of who looks, while their request is answered; undefined: it is not known. */
export const viewersZone = new AsyncLocalStorage<string | undefined>();

const NAME = "oms_board";
/** Connections for tracking numbers that are being guessed at. */
const SLOW = 2;
/** More than there are. */
const MOST_ZONES = 2000;
/** No page is worth more. */
const STATEMENT_TIMEOUT = "15s";
/** A server that hangs does not even end a statement: then the connection is given up. */
const ANSWER_MS = 17_000;

/** What pg says when ANSWER_MS are over. */
const isNoAnswer = ({ message }: Error) => message === "Query read timeout";

function query(client: pg.PoolClient, zone: string, behind: number | undefined): Query {
  return {
    client,
    zone,
    ...(behind === undefined ? {} : { behind }),
    async rows<T extends object>(sql: string, values: readonly unknown[] = []) {
      return (await client.query<T>(sql, [...values])).rows;
    },
    async row<T extends object>(sql: string, values: readonly unknown[] = []) {
      const row = (await client.query<T>(sql, [...values])).rows[0];
      if (row === undefined) throw new Error("the database gave no row");
      return row;
    },
  };
}

export function openDatabase(settings: Settings): Database {
  // Nobody's table or operator comes in the way of a name; compiling a statement takes longer than any of ours.
  const path = "-c search_path=pg_catalog,pg_temp -c jit=off";
  const options = settings.timezone === undefined ? path : `${path} -c TimeZone=${settings.timezone}`;
  const common: pg.PoolConfig = { application_name: NAME, connectionTimeoutMillis: 5000, query_timeout: ANSWER_MS, options };
  const pool = new pg.Pool({ ...common, max: 10 });
  const citizenPool = (max: number, more: pg.PoolConfig = {}) =>
    settings.citizenUser === undefined ? undefined : new pg.Pool({ ...common, user: settings.citizenUser, password: settings.citizenPassword, max, ...more });
  const citizens = citizenPool(10);
  // A queue of its own holds back what would wait for one of the slow connections.
  const slowCitizens = citizenPool(SLOW, { connectionTimeoutMillis: 0 });
  const readHost: pg.PoolConfig | undefined =
    settings.readHost === undefined ? undefined : { host: settings.readHost, ...(settings.readPort === undefined ? {} : { port: settings.readPort }), connectionTimeoutMillis: 2000 };
  const readers = readHost === undefined ? undefined : new pg.Pool({ ...common, ...readHost, max: 10 });
  const readingCitizens = readHost === undefined ? undefined : citizenPool(10, readHost);
  const pools = [pool, citizens, slowCitizens, readers, readingCitizens].filter((some) => some !== undefined);
  for (const some of pools) {
    // A connection that breaks while it is idle: the pool makes another one.
    some.on("error", () => undefined);
    // One that breaks between two queries of a transaction says so here only; the next query fails.
    some.on("connect", (client) => {
      client.on("error", () => undefined);
    });
  }

  const zones = new Map<string, boolean>();
  /** The zone of a request as the database knows it; null: its own. An agency that has set one has it for everybody. */
  async function zoneFor(client: pg.PoolClient): Promise<string | null> {
    const zone = settings.timezone === undefined ? viewersZone.getStore() : undefined;
    if (zone === undefined) return null;
    let known = zones.get(zone);
    if (known === undefined) {
      known = (await client.query("SELECT FROM pg_catalog.pg_timezone_names AS z WHERE z.name OPERATOR(pg_catalog.=) $1", [zone])).rows.length > 0;
      if (zones.size < MOST_ZONES) zones.set(zone, known);
    }
    return known ? zone : null;
  }

  const standby = new Standby(pool, { maxLagSecs: settings.readMaxLag, isAnswer: (error) => error instanceof Refused });
  /** At the standby for readers, if it may be used; undefined: it may not. */
  async function reading<T>(from: pg.Pool | undefined, role: string | undefined, work: (q: Query) => Promise<T>) {
    return from === undefined ? undefined : standby.read((lag) => transaction(from, role, false, work, lag));
  }

  async function transaction<T>(from: pg.Pool, role: string | undefined, write: boolean, work: (q: Query) => Promise<T>, lag?: MeasureLag) {
    const client = await from.connect();
    let broken: Error | undefined;
    try {
      // Before the snapshot, so that what is read is not older than it is said to be.
      const behind = (await lag?.(client)) ?? undefined;
      // What a page shows is of one moment.
      await client.query(write ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      // The same as SET LOCAL, but with parameters.
      const { rows } = await client.query<{ zone: string }>(
        `SELECT pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('TimeZone', COALESCE($3, pg_catalog.current_setting('TimeZone')), true) AS zone,
           pg_catalog.set_config('role', $2, true)`,
        [STATEMENT_TIMEOUT, role ?? "none", await zoneFor(client)],
      );
      const result = await work(query(client, rows[0]?.zone ?? "UTC", behind));
      await client.query("COMMIT");
      return result;
    } catch (error) {
      // If that fails as well, or would wait behind what was not answered, the connection is of no more use.
      if (error instanceof Error && isNoAnswer(error)) broken = error;
      else await client.query("ROLLBACK").catch((e: unknown) => (broken = e as Error));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** Does the server let this role in with this password? */
  async function accepts(user: string, password: string): Promise<boolean> {
    const client = new pg.Client({ ...common, user, password });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return true;
    } catch (error) {
      // 28P01 wrong password, 28000 no such role or not allowed in; else it is no answer.
      const code = (error as { code?: string }).code;
      if (code === "28P01" || code === "28000") return false;
      throw error;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  let asked: { at: number; answer: Promise<boolean> } | undefined;

  return {
    async as(role, work, options) {
      if (settings.readOnly && options?.write === true) throw new Refused(403, ONLY_SHOWS);
      return transaction(pool, role, options?.write ?? false, work);
    },
    async report(role, work) {
      const found = await reading(readers, role, work);
      return found === undefined ? transaction(pool, role, false, work) : found;
    },
    hasReaders: readers !== undefined,
    hasCitizen: citizens !== undefined,
    async citizen(work, options) {
      const from = options?.slow === true ? slowCitizens : citizens;
      if (from === undefined) throw new Error("BOARD_CITIZEN_USER is not set");
      if (options?.reader === true) {
        const found = await reading(readingCitizens, undefined, work);
        if (found !== undefined && found !== null) return found;
      }
      // A wrong tracking number is counted, which writes.
      return transaction(from, undefined, true, work);
    },
    async signIn(role, password) {
      const found = await transaction(pool, undefined, false, (q) =>
        q.rows(
          `SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) $1 AND r.rolcanlogin AND NOT r.rolsuper
             AND r.rolname OPERATOR(pg_catalog.<>) CURRENT_USER AND pg_catalog.pg_has_role(CURRENT_USER, r.oid, 'MEMBER')`,
          // No name has a NUL, and no text of the database.
          [role.replaceAll("\0", "\uFFFD")],
        ),
      );
      // Somebody else's password is not tried out, but the answer takes as long: two attempts, whoever it is.
      const known = found.length === 1;
      const user = known ? role : randomBytes(16).toString("hex");
      const wrong = randomBytes(16).toString("hex");
      if ((await accepts(user, wrong)) && known) throw new NoPasswords();
      return (await accepts(user, password === "" ? wrong : password)) && known;
    },
    age: () => transaction(pool, undefined, false, ({ behind }) => Promise.resolve(behind), standbyLag),
    answers() {
      if (asked === undefined || Date.now() - asked.at > 1000) {
        const answer = transaction(pool, undefined, false, (q) => q.rows("SELECT")).then(
          () => true,
          () => false,
        );
        asked = { at: Date.now(), answer };
      }
      return asked.answer;
    },
    listener: (answerMs) => new pg.Client({ ...common, query_timeout: answerMs }),
    async end() {
      await Promise.all(pools.map((some) => some.end()));
    },
  };
}
