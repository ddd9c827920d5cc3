/** What the board takes from its environment. The database it looks at is named by the PG* variables. */

export interface Settings {
  host: string;
  port: number;
  /** A standby that reports, their lists and the tracker are read from. */
  readHost: string | undefined;
  readPort: number | undefined;
  /** Seconds that it may be behind. */
  readMaxLag: number;
  /** The database is a standby, or nothing is to be changed: no actions are offered. */
  readOnly: boolean;
  /** Name of the agency, at the top of each page. */
  title: string;
  /** The login that has the level citizen and nothing else; without it there is no /track. */
  citizenUser: string | undefined;
  citizenPassword: string | undefined;
  /** Times on the pages; NULL: as the database has it. */
  timezone: string | undefined;
  /** Believe X-Forwarded-For and X-Forwarded-Proto: only behind a proxy that sets them. */
  behindProxy: boolean;
  /** Milliseconds that a page waits for new figures if there are older ones. */
  waitMs: number;
  /** Requests by one address to /track, in a minute. */
  attemptsPerMinute: number;
  /** Wrong passwords from one address, in a minute: an office behind one address has many people. */
  signInsPerMinute: number;
  /** Who does nothing for so long is signed out; what a page does by itself does not count. */
  idleMinutes: number;
  /** Names screens and the hashes of their tokens; without it there is no /tv. */
  tvFile: string | undefined;
  /** The role of the level monitor that screens see the database as. */
  tvRole: string | undefined;
}

function positive(name: string, value: string | undefined, otherwise: number): number {
  if (value === undefined || value === "") return otherwise;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0) throw new Error(`${name} must be a whole number, not "${value}"`);
  return number;
}

const given = (value: string | undefined) => (value === "" ? undefined : value);

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const [tvFile, tvRole] = [given(env["BOARD_TV_FILE"]), given(env["BOARD_TV_ROLE"])];
  if ((tvFile === undefined) !== (tvRole === undefined)) throw new Error("BOARD_TV_FILE and BOARD_TV_ROLE belong together");
  return {
    host: env["BOARD_HOST"] ?? "127.0.0.1",
    port: positive("BOARD_PORT", env["BOARD_PORT"], 8080),
    readHost: given(env["BOARD_READ_HOST"]),
    readPort: given(env["BOARD_READ_PORT"]) === undefined ? undefined : positive("BOARD_READ_PORT", env["BOARD_READ_PORT"], 0),
    readMaxLag: positive("BOARD_READ_MAX_LAG", env["BOARD_READ_MAX_LAG"], 30),
    readOnly: env["BOARD_READ_ONLY"] === "1",
    title: env["BOARD_TITLE"] ?? "OMS",
    citizenUser: given(env["BOARD_CITIZEN_USER"]),
    citizenPassword: given(env["BOARD_CITIZEN_PASSWORD"]),
    timezone: given(env["BOARD_TIMEZONE"]),
    behindProxy: env["BOARD_BEHIND_PROXY"] === "1",
    waitMs: positive("BOARD_WAIT_MS", env["BOARD_WAIT_MS"], 250),
    attemptsPerMinute: positive("BOARD_ATTEMPTS_PER_MINUTE", env["BOARD_ATTEMPTS_PER_MINUTE"], 20),
    signInsPerMinute: positive("BOARD_SIGN_INS_PER_MINUTE", env["BOARD_SIGN_INS_PER_MINUTE"], 30),
    idleMinutes: positive("BOARD_IDLE_MINUTES", env["BOARD_IDLE_MINUTES"], 60),
    tvFile,
    tvRole,
  };
}
