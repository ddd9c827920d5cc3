import { setMaxListeners } from "node:events";
import { hostname } from "node:os";
import { dispatchChannel } from "./admin.js";
import { Backoff, sleep } from "./backoff.js";
import { cells, ready } from "./cells.js";
import { StaleToken, WrongState, isTransient } from "./errors.js";
import { type Handler, type Job, WorkerStopped } from "./job.js";
import { Leases } from "./leases.js";
import { type OmsEvent, type Subscription, listenAt } from "./listen.js";
import { type Report, type Running, type Source, Trouble, now, ring, rung } from "./source.js";
import type { JsonObject } from "./types.js";
import { type Claimed, type DoneItem, type FailedItem, claim, exchange, release, stageDone, stageFailed, waitAt } from "./work.js";
import type { Worker, WorkerCounts, WorkerMode, WorkerOptions } from "./options.js";

/**
 * Pauses before looking again when an event told of work and a claim found none: a claim passes over a ticket
 * that another session is just changing, if only for a heartbeat, and no event follows when it is free again.
 */
const lookAgainMs = [100, 1_000, 5_000];

/**
 * How long reports wait for one that is under way, to go together with the next. One that takes longer waits for a
 * ticket that somebody has locked, and must not keep others back.
 */
const slowMs = 100;

/** How long a call keeps places free while other cells have work: one that takes longer hangs, or almost. */
const placesMs = 1_000;

class StageWorker implements Worker {
  readonly name: string;
  readonly counts: WorkerCounts = { done: 0, failed: 0, lost: 0, released: 0 };
  readonly finished: Promise<void>;
  #stoppedAll = false;

  readonly #concurrency: number;
  readonly #batch: number;
  readonly #leaseSecs: number;
  readonly #pollMs: number;
  /** Places that calls under way may fill. */
  #asked = 0;
  readonly #sources: readonly Source[];
  /** Those that want a place, in the order in which they get one. */
  readonly #waiting = new Set<Source>();
  readonly #graceSecs: number;
  readonly #onError: (error: unknown, job?: Claimed) => void;
  readonly #leases: Leases;

  readonly #running = new Map<Claimed, Running>();
  readonly #work = new Set<Promise<void>>();
  /** No new stages. */
  readonly #stopping = new AbortController();
  /** No more patience: reports are given up. */
  readonly #leaving = new AbortController();
  #stopped: Promise<void> | undefined;

  constructor(
    readonly owner: string,
    private readonly handler: Handler,
    private readonly options: WorkerOptions,
  ) {
    this.name = options.name ?? `${hostname()}:${process.pid}`;
    this.#concurrency = positive("concurrency", options.concurrency ?? 4);
    this.#batch = Math.min(positive("batch", options.batch ?? this.#concurrency), 10_000);
    this.#leaseSecs = options.leaseSecs ?? 60;
    if (!(this.#leaseSecs > 0)) throw new RangeError("leaseSecs must be more than 0");
    this.#pollMs = (options.pollSecs ?? 30) * 1000;
    this.#graceSecs = options.graceSecs ?? 30;
    this.#onError =
      options.onError ??
      ((error, job) => {
        console.error(`hms-oms-sdk: worker of ${owner}${job === undefined ? "" : `, ${job.ticket} ${job.stage}`}:`, error);
      });
    this.#leases = new Leases(this.#running, this.#leaseSecs, this.#onError);
    const onRecovered =
      options.onRecovered ??
      ((afterMs, cell) => {
        const what = cell === undefined ? "the database" : `cell "${cell}"`;
        console.error(`hms-oms-sdk: worker of ${owner}: ${what} answers again, after ${(afterMs / 1000).toFixed(1)} s`);
      });
    const all = cells();
    this.#sources = (all.length === 0 ? [undefined] : all).map((cell) => ({
      cell,
      trouble: new Trouble((error) => { this.#onError(error); }, (afterMs) => { onRecovered(afterMs, cell?.name); }),
      mode: "starting",
      looks: 0,
      events: 0,
      looked: false,
      reports: [],
      sending: false,
      bell: new AbortController(),
    }));
    setMaxListeners(0, this.#stopping.signal, this.#leaving.signal);
    this.finished = this.#run();
  }

  get mode(): WorkerMode {
    if (this.#stoppedAll) return "stopped";
    const modes = this.#sources.map(({ mode }) => mode);
    return modes.find((mode) => mode === "starting") ?? modes.find((mode) => mode === "wait") ?? "listen";
  }

  get running(): number {
    return this.#running.size;
  }

  stop(options: { graceSecs?: number } = {}): Promise<void> {
    this.#stopped ??= this.#stop(options.graceSecs ?? this.#graceSecs);
    return this.#stopped;
  }

  async #stop(graceSecs: number): Promise<void> {
    this.#stopping.abort();
    for (const source of this.#sources) ring(source);
    const over = new AbortController();
    const late = sleep(graceSecs * 1000, over.signal).then(async () => {
      if (over.signal.aborted) return;
      this.#leaving.abort();
      await Promise.all([...this.#running.values()].map((running) => this.#giveBack(running)));
    });
    await Promise.race([this.finished, late]);
    over.abort();
    await this.finished;
  }

  async #run(): Promise<void> {
    const unhook = this.#hookSignals();
    const end = this.#leases.start();
    await Promise.all(this.#sources.map((source) => this.#draw(source)));
    while (this.#work.size > 0) await Promise.race(this.#work);
    end();
    this.#stoppedAll = true;
    unhook();
  }

  /** The main loop of a source: claims as long as something comes, then waits to be told. */
  async #draw(source: Source): Promise<void> {
    const { signal } = this.#stopping;
    const listener = this.#listen(source);
    const backoff = new Backoff();
    const idle = new Backoff(20, 1_000);
    while (!signal.aborted) {
      const { bell } = source;
      if (!this.#hasPlace(source)) {
        await rung(bell.signal);
        continue;
      }
      const { looked } = source;
      source.looked = false;
      // The lease counts from before the call, so we never believe in it longer than the server does.
      const asked = now();
      const qty = Math.min(this.#free, this.#batch);
      let jobs: Claimed[] = [];
      const places = this.#keep(qty);
      try {
        if (!looked) {
          await ready();
          jobs = await claim(this.owner, { worker: this.name, qty, leaseSecs: this.#leaseSecs, client: source.cell });
        }
        backoff.reset();
        source.trouble.end("calls");
      } catch (error) {
        places.free();
        source.trouble.begin("calls", error);
        await backoff.pause(signal);
        continue;
      }
      this.#startAll(source, jobs, asked, places.free() ? jobs.length : this.#free);
      if (jobs.length > 0) {
        idle.reset();
        continue;
      }
      if (source.mode === "wait") await this.#waitForWork(source, signal, backoff, idle);
      // A bell that rang since before the claim must not be missed.
      else await sleep((lookAgainMs[source.looks++] ?? this.#pollMs) * (0.75 + Math.random() / 2), bell.signal);
    }
    this.#waiting.delete(source);
    await listener.close();
  }

  /** Whether a place is free and it is this source's turn. */
  #hasPlace(source: Source): boolean {
    this.#waiting.add(source);
    const [first] = this.#waiting;
    if (this.#free <= 0 || first !== source) return false;
    this.#waiting.delete(source);
    return true;
  }

  /**
   * Keeps places free for what a call may bring. Those of one that hangs are for the other sources; `free` says whether they
   * were kept until then.
   */
  #keep(places: number): { free: () => boolean } {
    this.#asked += places;
    let kept = true;
    const free = () => {
      const before = kept;
      clearTimeout(timer);
      if (kept) this.#asked -= places;
      kept = false;
      this.#ringNext();
      return before;
    };
    const timer = this.#sources.length > 1 ? setTimeout(free, placesMs) : undefined;
    this.#ringNext();
    return { free };
  }

  /** A place may be free for whoever waits for one. */
  #ringNext(): void {
    const [first] = this.#waiting;
    if (first !== undefined && this.#free > 0) ring(first);
  }

  /** There may be work that no call has looked for yet. */
  #lookAgain(source: Source): void {
    source.events++;
    source.looked = false;
    ring(source);
  }

  /** Behind a pooler. It returns at once while there is work that others are just taking, so not too often. */
  async #waitForWork(source: Source, signal: AbortSignal, backoff: Backoff, idle: Backoff): Promise<void> {
    const before = now();
    try {
      await waitAt(source.cell, this.owner, {
        timeoutSecs: Math.max(0.1, Math.min(this.#pollMs / 1000, 20)),
        worker: this.name,
        signal,
      });
      if (now() - before < 100) await idle.pause(signal);
      else idle.reset();
      source.looked = false;
    } catch (error) {
      source.trouble.begin("calls", error);
      await backoff.pause(signal);
    }
  }

  #listen(source: Source): Subscription {
    const channels = ["oms_dispatch", "oms_status"];
    const { cell, trouble } = source;
    let inner: Subscription | undefined;
    const closing = new AbortController();
    const start = async () => {
      const backoff = new Backoff();
      for (;;) {
        try {
          channels.push(await dispatchChannel(this.owner, { client: cell }));
          break;
        } catch (error) {
          trouble.begin("events", error);
          if (!isTransient(error)) break;
          await backoff.pause(this.#stopping.signal);
        }
        if (this.#stopping.signal.aborted) return;
      }
      if (closing.signal.aborted) return;
      inner = listenAt(cell, channels, (event) => { this.#hear(source, event); }, {
        selfTestMs: this.options.selfTestMs,
        aliveMs: this.#pollMs,
        onError: (error) => { trouble.begin("events", error); },
        onReady: () => {
          trouble.end("events");
          source.mode = "listen";
          this.#lookAgain(source);
        },
        onUnavailable: () => {
          trouble.end("events");
          source.mode = "wait";
          this.#lookAgain(source);
        },
      });
    };
    const started = start();
    return {
      close: async () => {
        closing.abort();
        await started;
        await inner?.close();
      },
    };
  }

  #hear(source: Source, { channel, payload }: OmsEvent): void {
    if (channel !== "oms_status") {
      if (payload["owner"] === this.owner) {
        source.looks = 0;
        this.#lookAgain(source);
      }
      return;
    }
    // Whether it concerns us, the heartbeat tells for certain.
    for (const running of this.#running.values()) {
      const { ticket, stage } = running.job;
      if (payload["ticket"] === ticket && (payload["stage"] === stage || payload["stage"] === null)) void this.#leases.beat(running);
    }
  }

  /** Begins with what a call brought; what finds no place any more, since the call hung, goes back. */
  #startAll(source: Source, jobs: readonly Claimed[], asked: number, places: number): void {
    for (const [i, job] of jobs.entries()) this.#start(source, job, asked, i < places);
  }

  #start(source: Source, job: Claimed, asked: number, hasPlace: boolean): void {
    const running: Running = {
      job,
      source,
      abort: new AbortController(),
      deadline: asked + this.#leaseSecs * 1000,
      beat: asked,
      beating: false,
      settled: false,
    };
    setMaxListeners(0, running.abort.signal);
    this.#running.set(job, running);
    const work = (this.#stopping.signal.aborted ? this.#giveBack(running)
      : !hasPlace ? this.#giveBack(running, "its worker runs as many as its concurrency allows") : this.#handle(running)).finally(() => {
      this.#running.delete(job);
      this.#work.delete(work);
      ring(source);
      this.#ringNext();
    });
    this.#work.add(work);
  }

  async #handle(running: Running): Promise<void> {
    const { job, abort } = running;
    const client = running.source.cell;
    const forHandler: Job = {
      ...job,
      signal: abort.signal,
      done: async (output = {}, options = {}) => {
        const queued = await stageDone(job.ticket, job.stage, output, { client, ...options, token: job.token });
        running.settled = true;
        return queued;
      },
    };
    // What is given back while the handler still runs is no longer waited for.
    const gone = new Promise<"gone">((resolve) => {
      abort.signal.addEventListener("abort", () => {
        if (abort.signal.reason instanceof WorkerStopped) resolve("gone");
      });
    });
    const result = await Promise.race([gone, attempt(this.handler, forHandler)]);
    if (result === "gone") return;
    this.#leases.noticeBlock();
    if ("error" in result) {
      // After an abort the handler only ends what is not its own any more.
      if (abort.signal.aborted) this.#lose(running);
      else {
        this.#onError(result.error, job);
        // Also if the handler has finished it: maybe in a transaction that failed, and the server knows.
        await this.#fail(running, result.error);
      }
      return;
    }
    if (running.settled) {
      this.counts.done++;
      return;
    }
    const output = result.output === undefined ? {} : (result.output as JsonObject);
    await this.#finish(running, "done", { ticket: job.ticket, stage: job.stage, output, token: job.token }, async () => {
      await stageDone(job.ticket, job.stage, output, { client, token: job.token });
    });
  }

  async #fail(running: Running, error: unknown): Promise<void> {
    const { job } = running;
    const retryable = !(typeof error === "object" && error !== null && "retryable" in error && error.retryable === false);
    const send = async () => {
      await stageFailed(job.ticket, job.stage, message(error), { client: running.source.cell, token: job.token, retryable });
    };
    if (!running.settled) {
      const { ticket, stage, token } = job;
      await this.#finish(running, "failed", { ticket, stage, error: message(error), retryable, token }, send);
      return;
    }
    await this.#report(running, async () => {
      try {
        await send();
        this.counts.failed++;
      } catch (refused) {
        if (!(refused instanceof WrongState || refused instanceof StaleToken)) throw refused;
        // It was done after all; what went wrong later has been told.
        this.counts.done++;
      }
    });
  }

  /** Says how a stage ended together with others, and by itself if these were refused. */
  async #finish(running: Running, how: "done" | "failed", item: DoneItem | FailedItem, send: () => Promise<void>): Promise<void> {
    const answer = await new Promise<Parameters<Report["answer"]>[0]>((resolve) => {
      running.source.reports.push({ item, answer: resolve });
      // What ends at the same moment goes along.
      setImmediate(() => { this.#send(running.source); });
    });
    if (answer === "given up") return;
    if (answer === "refused") {
      await this.#report(running, async () => {
        await send();
        this.counts[how]++;
      });
      return;
    }
    running.settled = true;
    this.counts[how]++;
  }

  /** Sends the reports that wait, unless a call is under way that will be back at any moment. */
  #send(source: Source): void {
    if (source.sending || source.reports.length === 0) return;
    source.sending = true;
    const next = () => {
      clearTimeout(timer);
      if (over) return;
      over = true;
      source.sending = false;
      this.#send(source);
    };
    let over = false;
    const timer = setTimeout(next, slowMs);
    void this.#exchange(source, source.reports.splice(0)).then(next);
  }

  /** Reports stages and claims the next ones in one commit, again and again until the server has an answer. */
  async #exchange(source: Source, reports: readonly Report[]): Promise<void> {
    const backoff = new Backoff(50, 5_000);
    let answer: Parameters<Report["answer"]>[0] | undefined;
    while (answer === undefined) {
      const qty = this.#stopping.signal.aborted ? 0 : Math.max(0, Math.min(this.#free + reports.length, this.#batch, this.#share(source) + reports.length));
      const more = Math.max(0, qty - reports.length);
      const { events } = source;
      const asked = now();
      const places = this.#keep(more);
      try {
        const jobs = await exchange(this.owner, {
          worker: this.name,
          finished: reports.map(({ item }) => item),
          qty,
          leaseSecs: this.#leaseSecs,
          client: source.cell,
        });
        source.trouble.end("calls");
        this.#startAll(source, jobs, asked, places.free() ? jobs.length : this.#free + reports.length);
        source.looked = jobs.length < qty && events === source.events;
        answer = "sent";
      } catch (error) {
        if (!isTransient(error)) answer = "refused";
        else {
          source.trouble.begin("calls", error);
          await backoff.pause(this.#leaving.signal);
          if (this.#leaving.signal.aborted) answer = "given up";
        }
      } finally {
        places.free();
      }
    }
    for (const report of reports) report.answer(answer);
  }

  /** How many places more a source may fill with its reports while others wait for one; less than 0 if it is to leave some. */
  #share(source: Source): number {
    const others = this.#waiting.size - (this.#waiting.has(source) ? 1 : 0);
    if (others === 0) return this.#concurrency;
    const own = [...this.#running.values()].filter((running) => running.source === source).length;
    return Math.floor(this.#concurrency / (1 + others)) - own;
  }

  /** Places that nothing runs in, and that nothing is claimed for. */
  get #free(): number {
    return this.#concurrency - this.#running.size - this.#asked;
  }

  /** Says how a stage ended, again and again until the server has an answer: tokens make repeats harmless. */
  async #report(running: Running, send: () => Promise<void>): Promise<void> {
    const backoff = new Backoff(50, 5_000);
    for (;;) {
      try {
        await send();
        running.settled = true;
        running.source.trouble.end("calls");
        return;
      } catch (error) {
        if (isTransient(error)) {
          running.source.trouble.begin("calls", error);
          await backoff.pause(this.#leaving.signal);
          if (this.#leaving.signal.aborted) return;
          continue;
        }
        if (error instanceof StaleToken || error instanceof WrongState) {
          this.#lose(running);
          return;
        }
        this.#onError(error, running.job);
        // An output that the server does not take is the handler's fault, like a throw.
        if (!running.settled) {
          running.settled = true;
          await this.#fail(running, error);
        }
        return;
      }
    }
  }

  #lose(running: Running): void {
    if (!running.settled) this.counts.lost++;
    running.settled = true;
  }

  /** Gives a stage back whose handler is not to be waited for. */
  async #giveBack(running: Running, note = "the worker stops"): Promise<void> {
    const { job } = running;
    if (!running.settled) {
      running.settled = true;
      try {
        await release(job.ticket, job.stage, { note, client: running.source.cell, token: job.token });
        this.counts.released++;
      } catch (error) {
        // Its lease will bring it back.
        if (error instanceof StaleToken || error instanceof WrongState) this.counts.lost++;
        else this.#onError(error, job);
      }
    }
    running.abort.abort(new WorkerStopped(note));
  }

  #hookSignals(): () => void {
    const signals = this.options.signals ?? ["SIGTERM", "SIGINT"];
    const hooks = signals.map((name) => {
      const signal = name as NodeJS.Signals;
      const hook = () => {
        void this.stop().then(() => {
          // With nobody else to decide, the process ends as it would have without us.
          if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
        });
      };
      process.once(signal, hook);
      return () => process.off(signal, hook);
    });
    return () => { for (const unhook of hooks) unhook(); };
  }
}

async function attempt(handler: Handler, job: Job): Promise<{ output: unknown } | { error: unknown }> {
  try {
    return { output: await handler(job) };
  } catch (error) {
    return { error };
  }
}

/** For the timeline: something, not endless, and without what text cannot hold. */
function message(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll("\0", "").slice(0, 10_000) || "failed";
}

function positive(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`${name} must be a whole number from 1 on`);
  return value;
}

/**
 * Works on the stages of an owner: claims what is queued, hands each to `handler`, keeps up its lease while
 * the handler runs, and reports what came of it, which brings the next stages in the same commit. It hears of work by LISTEN, or by `wait_for_work` behind a pooler
 * in transaction mode, and gets over lost connections and restarts of the server by itself. With cells: works for all that
 * there are when it begins, each by itself, so that one that is down does not keep it from the others.
 *
 * @param owner - whose queue
 * @param handler - does the work; what it returns is the output, a throw is a failed attempt
 * @param options - name, concurrency, batch, leaseSecs, pollSecs, graceSecs, signals, onError
 *
 * @example
 * ```ts
 * worker("LoanRiskAgent", async ({ data, inputs, signal }) => {
 *   const answer = await fetch(scorer, { method: "POST", body: JSON.stringify({ data, inputs }), signal });
 *   return { score: await answer.json() };
 * }, { concurrency: 20 });
 * ```
 */
export function worker<Data extends JsonObject = JsonObject>(
  owner: string,
  handler: Handler<Data>,
  options: WorkerOptions = {},
): Worker {
  return new StageWorker(owner, handler as Handler, options);
}
