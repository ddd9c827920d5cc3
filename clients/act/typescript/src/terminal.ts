/*
 * The inbox at a terminal: shows news as they come, and answers line by line. If standard input is no terminal
 * it reads lines all the same, without a prompt, and tells by its result whether one was refused.
 */
import { createInterface } from "node:readline";
import { listen } from "hms-oms-sdk";
import { Inbox, Refused } from "./inbox.js";

/**
 * Runs until the input ends, or somebody types "quit".
 *
 * @param person - whose inbox
 * @param signal - ends it
 * @returns whether every answer was taken
 */
export async function terminal(person: string, signal: AbortSignal): Promise<boolean> {
  const inbox = new Inbox(person);
  const live = process.stdin.isTTY;
  const input = createInterface({ input: process.stdin, ...(live ? { output: process.stdout } : {}), prompt: `${person}> ` });
  // From now on it keeps the lines that come before somebody asks for them.
  const lines = input[Symbol.asyncIterator]();
  const say = (text: string) => {
    // Over the prompt, and what was typed so far stays.
    if (live) process.stdout.write("\r\x1b[K");
    console.log(text);
    if (live) input.prompt(true);
  };
  let good = true;

  // One thing after the other, or a list could change under an answer.
  let last: Promise<void> = Promise.resolve();
  const then = (step: () => Promise<void>) => {
    last = last.then(step).catch((error: unknown) => {
      // Without a server there is no answer; the next line may find it again.
      if (!(error instanceof Refused)) console.error(`${person}:`, error);
      else say(`refused: ${error.message}`);
      good = false;
    });
    return last;
  };

  let waiting = false;
  const look = () => {
    // However many events come meanwhile, one look is enough.
    if (waiting) return;
    waiting = true;
    void then(async () => {
      waiting = false;
      for (const news of await inbox.refresh()) say(news);
    });
  };

  const events = listen(["oms_dispatch", "oms_status"], look, {
    onReady: look,
    onError: (error) => { console.error(`${person}: no connection, ${error instanceof Error ? error.message : String(error)}`); },
    onUnavailable: () => { console.error(`${person}: no events here; an empty line shows the list`); },
  });
  signal.addEventListener("abort", () => { input.close(); }, { once: true });

  // The numbers are given before the first line is read.
  await then(async () => {
    await inbox.refresh();
    say(inbox.list());
  });
  for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
    const text = next.value;
    if (signal.aborted || text.trim() === "quit") break;
    await then(async () => {
      for (const news of await inbox.refresh()) say(news);
      say(await inbox.answer(text));
    });
  }
  input.close();
  await events.close();
  await last;
  return good;
}
