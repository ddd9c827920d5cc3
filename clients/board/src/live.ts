/**
 * What listeners hear, for browsers: one connection that listens for all of them, and makes itself again when
 * it breaks. An event carries ids only; a page asks for what it may see with rights of its own.
 */
import type { Database } from "./db.js";

export interface LiveEvent {
  /**
   * status, alert, dispatch: from the channel of that name; seen: a ticket that is shown has changed, in whatever way;
   * resync: something may have been missed; away: nothing is heard from now on, until the next resync.
   */
  kind: "status" | "alert" | "dispatch" | "seen" | "resync" | "away";
  ticket?: string;
  /** The payload's other ids. */
  data?: Record<string, unknown>;
}

export type Listener = (event: LiveEvent) => void;

export interface Live {
  subscribe: (listener: Listener) => () => void;
  /** What a page that comes now has to know first. */
  state(): LiveEvent;
  end(): Promise<void>;
}

const CHANNELS = { oms_status: "status", oms_alert: "alert", oms_dispatch: "dispatch" } as const;
const AGAIN_MS = [100, 250, 500, 1000, 2000, 5000];
/** How often the connection is asked whether it is alive, and how long it may take to say so. */
const ALIVE_MS = 5000;

/** hears: is there anything to LISTEN to? There is not on a standby. */
export function openLive(db: Database, hears = true): Live {
  const listeners = new Set<Listener>();
  let client: ReturnType<Database["listener"]> | undefined;
  let ended = false;
  let up = false;
  let tries = 0;
  let timer: NodeJS.Timeout | undefined;
  let pulse: NodeJS.Timeout | undefined;

  const say = (event: LiveEvent) => {
    for (const listener of listeners) listener(event);
  };

  function again() {
    clearTimeout(pulse);
    if (up) say({ kind: "away" });
    up = false;
    const old = client;
    client = undefined;
    void old?.end().catch(() => undefined);
    if (ended || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      void connect();
    }, AGAIN_MS[Math.min(tries++, AGAIN_MS.length - 1)]);
  }

  async function connect() {
    const mine = db.listener(ALIVE_MS);
    client = mine;
    const lost = () => {
      if (client === mine) again();
    };
    mine.on("error", lost);
    mine.on("end", lost);
    mine.on("notification", ({ channel, payload }) => {
      const kind = (CHANNELS as Record<string, "status" | "alert" | "dispatch" | undefined>)[channel];
      if (kind === undefined) return;
      try {
        const data = JSON.parse(payload ?? "") as Record<string, unknown>;
        if (typeof data["ticket"] === "string") say({ kind, ticket: data["ticket"], data });
      } catch {
        // Anybody may NOTIFY; what is not JSON is not from oms.
      }
    });
    try {
      await mine.connect();
      if (hears) await mine.query("LISTEN oms_status; LISTEN oms_alert; LISTEN oms_dispatch");
      up = true;
      tries = 0;
      say({ kind: "resync" });
      watch(mine);
    } catch {
      lost();
    }
  }

  /** A server that hangs, or a way that is gone, says nothing by itself. */
  function watch(mine: ReturnType<Database["listener"]>) {
    pulse = setTimeout(() => {
      mine.query("SELECT").then(
        () => {
          if (client === mine && up) watch(mine);
        },
        () => {
          if (client === mine) again();
        },
      );
    }, ALIVE_MS);
  }

  void connect();
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    state: () => ({ kind: up ? "resync" : "away" }),
    async end() {
      ended = true;
      clearTimeout(timer);
      clearTimeout(pulse);
      await client?.end().catch(() => undefined);
    },
  };
}
