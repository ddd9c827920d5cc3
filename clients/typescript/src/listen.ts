import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import type pg from "pg";
import { Backoff, sleep } from "./backoff.js";
import { type Cell, cells, named } from "./cells.js";
import { newClient, pool } from "./connection.js";
import { isTransient } from "./errors.js";

/** An event of oms, or of a channel of your own. */
export interface OmsEvent {
  /** `oms_dispatch`, `oms_alert` or `oms_status`. */
  channel: string;
  /** The payload: ids only. */
  payload: Record<string, unknown>;
}

/** What {@link listen} may be told. */
export interface ListenOptions {
  /** Called at every lost connection and failed attempt; the listener goes on by itself. */
  onError?: ((error: unknown) => void) | undefined;
  /**
   * Called when events can arrive, the first time and after each interruption: what happened before may
   * have been missed, so look for it.
   */
  onReady?: (() => void) | undefined;
  /**
   * Called once if LISTEN does not work on this connection, as behind a pooler in transaction mode.
   * The listener has given up then.
   */
  onUnavailable?: (() => void) | undefined;
  /** How long a test event may take before LISTEN counts as not working; 5,000 by default. */
  selfTestMs?: number | undefined;
  /** How often to check that the connection is alive; 30,000 by default. */
  aliveMs?: number | undefined;
}

/** A running {@link listen}. */
export interface Subscription {
  /** Ends it. */
  close(): Promise<void>;
}

class Listener implements Subscription {
  readonly #closing = new AbortController();
  readonly #finished: Promise<void>;

  constructor(
    private readonly channels: readonly string[],
    private readonly onEvent: (event: OmsEvent) => void,
    private readonly options: ListenOptions,
    private readonly cell: Cell | undefined,
  ) {
    // One more per attempt to connect.
    setMaxListeners(0, this.#closing.signal);
    this.#finished = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#finished;
  }

  #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff();
    while (!this.#isClosing()) {
      const client = newClient(this.cell?.pool ?? pool());
      const lost = new Promise<Error>((resolve) => {
        client.once("error", resolve);
        client.once("end", () => {
          resolve(new Error("the connection for events was closed"));
        });
      });
      const closed = new Promise<undefined>((resolve) => {
        signal.addEventListener("abort", () => { resolve(undefined); }, { once: true });
      });
      let error: unknown;
      try {
        await client.connect();
        if (!(await this.#works(client))) {
          this.options.onUnavailable?.();
          return;
        }
        client.on("notification", (message) => { this.#receive(message); });
        for (const channel of this.channels) await client.query(`LISTEN ${quote(channel)}`);
        backoff.reset();
        if (!this.#isClosing()) this.options.onReady?.();
        error = await Promise.race([lost, closed, this.#watch(client)]);
      } catch (caught) {
        error = caught;
      } finally {
        await end(client);
      }
      if (this.#isClosing()) return;
      this.options.onError?.(named(this.cell, error));
      await backoff.pause(signal);
    }
  }

  /**
   * Whether events reach this connection: one is sent from another. Behind a pooler in transaction mode
   * LISTEN succeeds, but it was somebody else's connection. The channel is a new one each time, so
   * that nothing of worth keeps arriving there.
   */
  async #works(client: pg.Client): Promise<boolean> {
    const channel = `oms_test_${randomBytes(8).toString("hex")}`;
    const over = new AbortController();
    let arrived = false;
    const wasHeard = () => arrived;
    const hear = (message: pg.Notification) => {
      if (message.channel !== channel) return;
      arrived = true;
      over.abort();
    };
    client.on("notification", hear);
    client.once("end", () => { over.abort(); });
    this.#closing.signal.addEventListener("abort", () => { over.abort(); }, { once: true });
    try {
      try {
        await client.query(`LISTEN ${channel}`);
      } catch (error) {
        if (isTransient(error)) throw error;
        return false;
      }
      await (this.cell ?? pool()).query("SELECT pg_catalog.pg_notify($1, '')", [channel]);
      await sleep(this.options.selfTestMs ?? 5_000, over.signal);
      // Also when it did not work: then it may be the right connection of the pooler, or it does no harm.
      await client.query(`UNLISTEN ${channel}`);
      return wasHeard() || this.#isClosing();
    } finally {
      client.off("notification", hear);
    }
  }

  /** Resolves when the connection no longer answers: a dead peer says nothing by itself. */
  async #watch(client: pg.Client): Promise<Error> {
    const every = this.options.aliveMs ?? 30_000;
    for (;;) {
      await sleep(every, this.#closing.signal);
      if (this.#isClosing()) return new Error("closed");
      const answered = client.query("SELECT 1").then(
        () => true,
        () => false,
      );
      const over = new AbortController();
      const alive = await Promise.race([answered, sleep(every, over.signal).then(() => false)]);
      over.abort();
      if (!alive) return new Error("the connection for events does not answer");
    }
  }

  #receive(message: pg.Notification): void {
    let payload: unknown;
    try {
      payload = JSON.parse(message.payload ?? "");
    } catch {
      // Any role can send on these channels: what is no JSON is not from oms.
      return;
    }
    if (typeof payload !== "object" || payload === null) return;
    try {
      this.onEvent({ channel: message.channel, payload: payload as Record<string, unknown> });
    } catch (error) {
      this.options.onError?.(error);
    }
  }
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Closes without waiting for a peer that may be gone. */
async function end(client: pg.Client): Promise<void> {
  const over = new AbortController();
  await Promise.race([client.end().catch(() => undefined), sleep(1_000, over.signal)]);
  over.abort();
}

/**
 * Listens on channels, on a connection of its own that is opened again whenever it is lost. Events are
 * hints, some may come twice and some not at all: what counts is in the tables. With cells: at each, and the callbacks are
 * called for each.
 *
 * @param channels - `oms_dispatch`, `oms_alert`, `oms_status`
 * @param onEvent - called with each event
 * @param options - callbacks and times
 */
export function listen(
  channels: readonly string[],
  onEvent: (event: OmsEvent) => void,
  options: ListenOptions = {},
): Subscription {
  const all = cells();
  const listeners = (all.length === 0 ? [undefined] : all).map((cell) => listenAt(cell, channels, onEvent, options));
  return {
    close: async () => {
      await Promise.all(listeners.map((listener) => listener.close()));
    },
  };
}

/**
 * At one of the cells, or at the one database.
 *
 * @internal
 */
export function listenAt(
  cell: Cell | undefined,
  channels: readonly string[],
  onEvent: (event: OmsEvent) => void,
  options: ListenOptions,
): Subscription {
  return new Listener(channels, onEvent, options, cell);
}
