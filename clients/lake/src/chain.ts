// The hash of an event, as docs/reference/hash-chain.md describes it: from the columns that the lake has, without the server.
import { createHash } from "node:crypto";

/** What the hash of an event covers; us: its time in microseconds since 1970, digests in hexadecimal. */
export interface ChainedEvent {
  ticket: string;
  seq: number;
  us: string;
  status: string;
  stage: string | null;
  owner: string | null;
  actor: string;
  session_actor: string;
  client: string | null;
  worker: string | null;
  public: boolean;
  cycle: number;
  attempt: number;
  note_digest: string | null;
  payload_digest: string | null;
}

const nothing = Buffer.from("ffffffff", "hex");

function int4(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function int8(value: string): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt(value));
  return buffer;
}

function text(value: string | null): Buffer {
  if (value === null) return nothing;
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([int4(bytes.length), bytes]);
}

function digest(hex: string | null): Buffer {
  return hex === null ? nothing : Buffer.concat([int4(hex.length / 2), Buffer.from(hex, "hex")]);
}

/** Before the first event of a ticket. */
export const beginning = "0".repeat(64);

/**
 * @param event - a row of the timeline
 * @param previous - the hash before, in hexadecimal
 * @param clock - 1, or 2 if the event was recorded under a moved clock
 * @returns the hash of the event, in hexadecimal
 */
export function eventHash(event: ChainedEvent, previous: string, clock: 1 | 2 = 1): string {
  return createHash("sha256")
    .update(Buffer.from(previous, "hex"))
    .update(Buffer.from([clock]))
    .update(text(event.ticket))
    .update(int4(event.seq))
    .update(int8(event.us))
    .update(text(event.status))
    .update(text(event.stage))
    .update(text(event.owner))
    .update(text(event.actor))
    .update(text(event.session_actor))
    .update(text(event.client))
    .update(text(event.worker))
    .update(Buffer.from([event.public ? 1 : 0]))
    .update(int4(event.cycle))
    .update(int4(event.attempt))
    .update(digest(event.note_digest))
    .update(digest(event.payload_digest))
    .digest("hex");
}
