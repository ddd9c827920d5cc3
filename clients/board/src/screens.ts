/**
 * Boards on a wall. Each screen has a token of its own, and a line in a file: its name and the SHA-256 of the token. The
 * file is read with every request, so a line that is gone shuts its screen out at once.
 *
 * A screen trades its token for a cookie, which only the pages of the wall know: everything else in the board takes a
 * screen for somebody who is not signed in. It has no time limit; when the board starts again, the page trades its
 * token again.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

/** Screens at once; who was let in first is forgotten first, and trades its token again. */
const MOST = 1000;
const LINE = /^(\S.*?)\s+([0-9a-f]{64})$/;

export const hashOf = (secret: string) => createHash("sha256").update(secret).digest("hex");

/** The names of screens by the hash of their tokens. A line that is none stands for no screen. */
export function screensIn(text: string): { names: Map<string, string>; wrong: number[] } {
  const names = new Map<string, string>();
  const wrong: number[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const found = LINE.exec(trimmed);
    if (found === null) wrong.push(i + 1);
    else names.set(found[2] ?? "", found[1] ?? "");
  }
  return { names, wrong };
}

/** The same object for all cookies of a token. */
export interface Screen {
  hash: string;
}

export interface Screens {
  /** The cookie for a token; undefined: it is none, or not any more. */
  enter(token: string): string | undefined;
  /** The screen of a cookie, as long as its line stands there. */
  find(cookie: string | undefined): Screen | undefined;
}

export function makeScreens(file: string): Screens {
  const cookies = new Map<string, Screen>();
  let complaint = "";

  function complain(text: string) {
    if (text !== complaint && text !== "") console.error(text);
    complaint = text;
  }

  function names(): Map<string, string> {
    try {
      const { names, wrong } = screensIn(readFileSync(file, "utf8"));
      complain(wrong.length === 0 ? "" : `${file}: line ${wrong.join(", ")} is not a name and a SHA-256`);
      return names;
    } catch (error) {
      complain(`screens are shut out: ${(error as Error).message}`);
      return new Map();
    }
  }

  return {
    enter(token) {
      const hash = hashOf(token);
      if (!names().has(hash)) return undefined;
      const cookie = randomBytes(32).toString("base64url");
      const screen = [...cookies.values()].find((s) => s.hash === hash) ?? { hash };
      for (const old of cookies.keys()) {
        if (cookies.size < MOST) break;
        cookies.delete(old);
      }
      cookies.set(hashOf(cookie), screen);
      return cookie;
    },
    find(cookie) {
      const screen = cookie === undefined ? undefined : cookies.get(hashOf(cookie));
      return screen !== undefined && names().has(screen.hash) ? screen : undefined;
    },
  };
}
