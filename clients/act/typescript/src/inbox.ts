/*
 * What a person has to do, as numbered lines, and the answers to it. Knows nothing of terminals.
 */
import {
  OmsError, type TicketId, type Token, type Transaction, type WorkItem, claimStage, comment, getTicket, hold, myWork, release,
  resume, sendBack, stageDone, withTransaction,
} from "hms-oms-sdk";

/** A stage that was in the list once. It keeps its number, so that nobody answers another one by mistake. */
interface Entry {
  readonly number: number;
  readonly ticket: TicketId;
  readonly stage: string;
  /** As it was last seen; undefined if it is in the list no more. */
  item: WorkItem | undefined;
  /** Shows that the person has it; stays when it is on hold. */
  token: Token | undefined;
}

/** The answers, for people who forgot them. */
export const help = `NUMBER                     take it and see what it is about
NUMBER done [JSON or text] it is finished, with this outcome
NUMBER release [note]      somebody else shall do it
NUMBER hold REASON         it has to wait, and its clock too
NUMBER resume              it goes on
NUMBER back STAGE REASON   that stage has to be done again
NUMBER comment TEXT        a note for the file
list, help, quit`;

/** A mistake of the person at the keyboard. */
class Mistake extends Error {}

/** The first word of a text, and what follows it. */
function firstWord(text: string): [string, string] {
  const [, word = "", rest = ""] = /^\s*(\S*)\s*(.*?)\s*$/su.exec(text) ?? [];
  return [word, rest];
}

/** An outcome: an object as it is, anything else as a note. */
function outcome(text: string): Record<string, unknown> {
  if (text === "") return {};
  if (!text.startsWith("{")) return { note: text };
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new Mistake(`this is no JSON: ${text}`);
  }
}

function required(text: string, what: string): string {
  if (text === "") throw new Mistake(`${what} is missing`);
  return text;
}

/** The inbox of one person. */
export class Inbox {
  readonly #entries = new Map<string, Entry>();

  /** @param person - the name in the timeline, an owner or a member of one */
  constructor(readonly person: string) {}

  /**
   * Looks again.
   *
   * @returns what happened to it since the last time, a line each
   */
  async refresh(): Promise<string[]> {
    const news: string[] = [];
    const present = new Map((await myWork(this.person)).map((item) => [`${item.ticket} ${item.stage}`, item]));
    for (const [key, item] of present) {
      let entry = this.#entries.get(key);
      if (entry === undefined) {
        entry = { number: this.#entries.size + 1, ticket: item.ticket, stage: item.stage, item: undefined, token: undefined };
        this.#entries.set(key, entry);
      }
      const before = entry.item?.status;
      if (before === undefined) news.push(`new: ${line(entry, item)}`);
      else if (before !== item.status && (before === "on_hold" || item.status === "on_hold")) {
        news.push(`${entry.number} ${key} ${item.status === "on_hold" ? "is on hold now: put it aside" : "goes on"}`);
      }
      entry.item = item;
      if (item.status === "queued") entry.token = undefined;
    }
    for (const [key, entry] of this.#entries) {
      if (entry.item === undefined || present.has(key)) continue;
      if (entry.item.status !== "queued") news.push(`${entry.number} ${key} is ${await this.#state(entry)}: put it away`);
      entry.item = undefined;
      entry.token = undefined;
    }
    return news;
  }

  /** The list. */
  list(): string {
    const lines = [...this.#entries.values()].flatMap((entry) => (entry.item === undefined ? [] : [line(entry, entry.item)]));
    return lines.length === 0 ? "nothing to do" : lines.join("\n");
  }

  /**
   * Does what a line says.
   *
   * @param text - NUMBER ANSWER …
   * @returns what to tell the person
   * @throws {@link Refused}
   */
  async answer(text: string): Promise<string> {
    try {
      const [number, rest] = firstWord(text);
      if (number === "" || number === "list") return this.list();
      if (number === "help") return help;
      const entry = [...this.#entries.values()].find((each) => String(each.number) === number);
      if (entry === undefined) throw new Mistake(`there is no number ${number}; try help`);
      const [verb, words] = firstWord(rest);
      return `${entry.number} ${entry.ticket} ${entry.stage}: ${await this.#do(entry, verb, words)}`;
    } catch (error) {
      if (error instanceof OmsError || error instanceof Mistake) throw new Refused(error.message, { cause: error });
      throw error;
    }
  }

  async #do(entry: Entry, verb: string, words: string): Promise<string> {
    const { ticket, stage } = entry;
    switch (verb) {
      case "": {
        const { data, stages } = await getTicket(ticket);
        // On hold or somebody else's it can be looked at, but not taken.
        const had = entry.token !== undefined || entry.item?.status === "on_hold";
        if (!had) await this.#take(entry);
        const found = stages.flatMap(({ id, output }) => (output === null ? [] : [`\n  ${id}: ${JSON.stringify(output)}`]));
        return `${had ? "you have it" : "taken"}\n  ${JSON.stringify(data)}${found.join("")}`;
      }
      case "done": {
        const output = outcome(words);
        // With the token, so that nothing is finished that was taken away meanwhile.
        await stageDone(ticket, stage, output, { token: entry.token ?? (await this.#take(entry)) });
        this.#forget(entry);
        return "done";
      }
      case "release":
        if (entry.item?.status !== "in_progress") throw new Mistake("you do not have it");
        await this.#holding(entry, (client) => release(ticket, stage, { note: words || undefined, client }));
        entry.item.status = "queued";
        entry.token = undefined;
        return "released";
      case "hold":
        required(words, "the reason");
        await this.#holding(entry, (client) => hold(ticket, stage, words, { client }));
        if (entry.item !== undefined) entry.item.status = "on_hold";
        return "on hold";
      case "resume":
        await resume(ticket, stage);
        if (entry.item !== undefined) entry.item.status = "in_progress";
        return "goes on";
      case "send":
      case "back": {
        const [to, why] = firstWord(verb === "send" ? words.replace(/^back\b/, "") : words);
        required(why, to === "" ? "the stage" : "the reason");
        await this.#holding(entry, (client) => sendBack(ticket, stage, to, why, { client }));
        this.#forget(entry);
        return `sent back to ${to}`;
      }
      case "comment":
        await comment(ticket, required(words, "the text"), { stage });
        return "noted";
      default:
        throw new Mistake(`what is "${verb}"? Try help`);
    }
  }

  async #take(entry: Entry): Promise<Token> {
    entry.token = await claimStage(entry.ticket, entry.stage, { worker: this.person });
    if (entry.item !== undefined) entry.item.status = "in_progress";
    return entry.token;
  }

  /**
   * For calls without a token: takes the stage in the same transaction, which changes nothing if the person
   * has it and is refused if somebody else does.
   */
  async #holding(entry: Entry, fn: (client: Transaction) => Promise<unknown>): Promise<void> {
    entry.token = await withTransaction(async (client) => {
      const token = await claimStage(entry.ticket, entry.stage, { worker: this.person, client });
      await fn(client);
      return token;
    });
  }

  /** Its end is the person's own doing, so no news. */
  #forget(entry: Entry): void {
    entry.item = undefined;
    entry.token = undefined;
  }

  async #state({ ticket, stage }: Entry): Promise<string> {
    const found = (await getTicket(ticket)).stages.find(({ id }) => id === stage);
    if (found?.status === "in_progress") return `now with ${found.worker ?? "somebody else"}`;
    return found?.status ?? "gone";
  }
}

/** The answer could not be given; the message tells why. */
export class Refused extends Error {}

function line(entry: Entry, item: WorkItem): string {
  const due = item.dueAt === null ? "" : `, due ${item.dueAt.toISOString().slice(0, 16).replace("T", " ")}`;
  return `${entry.number}  ${item.ticket}  ${item.stage}  ${item.status.replace("_", " ")} (${item.workflow}, ${item.owner}${due})`;
}
