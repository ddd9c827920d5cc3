/** A form that is sent twice, by two clicks or by loading its answer again, is done once. */
import { randomBytes } from "node:crypto";
import type { Session } from "./session.js";

const MOST = 200;
const used = new WeakMap<Session, Set<string>>();

export const newOnce = () => randomBytes(12).toString("base64url");

/** False: it has been sent before. */
export function takeOnce(session: Session, once: string): boolean {
  const known = used.get(session) ?? new Set();
  used.set(session, known);
  if (known.has(once)) return false;
  if (known.size >= MOST) known.delete(known.values().next().value ?? "");
  known.add(once);
  return true;
}

/** It did not work, and may be sent again. */
export function giveBackOnce(session: Session, once: string): void {
  used.get(session)?.delete(once);
}
