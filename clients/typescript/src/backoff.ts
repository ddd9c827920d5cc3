/** Waits longer after each failure, with jitter so that many clients do not come back at the same moment. */
export class Backoff {
  #failures = 0;

  constructor(
    private readonly minMs = 100,
    private readonly maxMs = 10_000,
  ) {}

  reset(): void {
    this.#failures = 0;
  }

  /** Resolves after the next pause, or at once when the signal aborts. */
  async pause(signal?: AbortSignal): Promise<void> {
    const ceiling = Math.min(this.maxMs, this.minMs * 2 ** Math.min(this.#failures++, 20));
    await sleep(ceiling / 2 + (Math.random() * ceiling) / 2, signal);
  }
}

/** Resolves after so many milliseconds, or at once when the signal aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener("abort", finish, { once: true });
  });
}
