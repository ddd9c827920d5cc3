/**
 * The citizen's tracker. The number travels in the body of a POST; a script of the page takes it from the part of an address that
 * browsers keep to themselves (/track#number): the result can be bookmarked, and the number is in no log and no Referer.
 */
import type { TrackedEvent, TrackedTicket } from "hms-oms-sdk";
import { Hono } from "hono";
import type { Child, FC } from "hono/jsx";
import { knownZone, words } from "../format.js";
import { page } from "../layout.js";
import { formToken } from "../session.js";
import { track } from "../tracking.js";
import { Field } from "../ui.js";
import { form, Refused, type Env, type Web } from "../web.js";

export const trackRoutes = new Hono<Env>();

const EXAMPLE = "DL-2026-00091-7QK3M9ZT4";

/** Statuses of a stage as a sign and in words. */
const STAGES: Record<string, readonly [string, string]> = {
  waiting: ["○", "not started yet"], "in progress": ["◐", "being worked on"], "action needed": ["!", "waiting for you"],
  done: ["✓", "done"], cancelled: ["⊘", "cancelled"],
};
/** What happened, with and without the name of a stage. */
const EVENTS: Record<string, readonly [string, string]> = {
  received: ["was received", "We received your request"], "in progress": ["work began", "Work began"],
  "action needed": ["we need something from you", "We need something from you"], done: ["done", "Done"],
  returned: ["has to be done again", "Something has to be done again"], comment: ["a message for you", "A message for you"],
  attached: ["a document", "A document"], closed: ["finished", "Your request is finished"], cancelled: ["cancelled", "Your request was cancelled"],
};

function plainTimes(zone: string): (at: Date) => string {
  const format = new Intl.DateTimeFormat("en-US", { timeZone: knownZone(zone), dateStyle: "long", timeStyle: "short" });
  return (at) => format.format(at);
}

const NumberForm: FC<{ c: Web; again?: boolean }> = ({ c, again }) => {
  const session = c.get("session");
  return (
    <form method="post" action="/track" class="stacked no-print" id="track">
      {session === undefined ? null : <input type="hidden" name="csrf" value={formToken(session)} />}
      <Field label="Tracking number" for="number" hint={<>It is in the message that you got when you applied, and looks like <span class="nowrap">{EXAMPLE}</span>.</>}>
        <input
          id="number" name="number" required maxlength={100} autocomplete="off" autocapitalize="characters" spellcheck={false}
          aria-describedby="number-hint" autofocus={again !== true}
        />
      </Field>
      <p class="buttons">
        <button class="main">{again === true ? "Look at another request" : "Show my request"}</button>
      </p>
    </form>
  );
};

function trackPage(c: Web, title: string, content: Child, status: 200 | 404 = 200) {
  c.header("x-robots-tag", "noindex, nofollow");
  return page(c, { title, scripts: ["/assets/track.js"] }, <div class="track">{content}</div>, status);
}

/** What stands now, in a sentence or two. */
function inWords(view: TrackedTicket, time: (at: Date) => string): Child {
  const needed = view.stages.some((s) => s.status === "action needed");
  const what = view.history.filter((e) => e.status === "action needed" && e.note !== null).at(-1)?.note;
  if (view.status === "closed") return <p>Your request is finished. There is nothing more that you have to do here.</p>;
  if (view.status === "cancelled") return <p>Your request was cancelled. No more work is done on it.</p>;
  return (
    <>
      {needed ? (
        <p class="needed">
          <strong>We need something from you</strong>
          {what === undefined || what === null ? ". " : ": "}
          {what === undefined || what === null ? null : <bdi>{what}</bdi>}
        </p>
      ) : (
        <p>Your request is being worked on. You do not have to do anything now.</p>
      )}
      {view.expectedBy === null ? null : view.expectedBy instanceof Date ? (
        <p>
          {needed ? "If we get it now, we expect to finish by" : "We expect to finish it by"} <time datetime={view.expectedBy.toISOString()}>{time(view.expectedBy)}</time>.
        </p>
      ) : (
        <p>It is taking longer than expected. We are sorry for that.</p>
      )}
    </>
  );
}

const Event: FC<{ event: TrackedEvent; time: (at: Date) => string }> = ({ event, time }) => {
  const [ofStage, alone] = EVENTS[event.status] ?? [event.status, event.status];
  return (
    <li>
      <time datetime={event.time.toISOString()}>{time(event.time)}</time>{" "}
      <span>
        {event.stage === null ? alone : (
          <>
            <bdi>{words(event.stage)}</bdi>: {ofStage}
          </>
        )}
        {event.owner === null ? null : (
          <>
            {" "}
            (<bdi>{event.owner}</bdi>)
          </>
        )}
      </span>
      {event.note === null || event.note === "" ? null : <bdi class="note">{event.note}</bdi>}
    </li>
  );
};

/** Without the citizens' login there is no such page. */
function needsCitizens(c: Web): void {
  if (!c.get("board").db.hasCitizen) throw new Refused(404, "There is no such page.");
}

trackRoutes.get("/track", (c) => {
  needsCitizens(c);
  return trackPage(
    c,
    "Track your application",
    <>
      <h1>Track your application</h1>
      <p>See how far your request is. You need no account, only your tracking number.</p>
      <NumberForm c={c} />
    </>,
  );
});

trackRoutes.post("/track", async (c) => {
  needsCitizens(c);
  const found = await track(c.get("board").db, (await form(c)).text("number"), (behind) => {
    c.set("behind", behind);
  });
  if (found === null)
    return trackPage(
      c,
      "No request found",
      <>
        <h1>No request found</h1>
        <div class="message message-error" role="alert">
          <p>We found no request with this tracking number.</p>
        </div>
        <h2>What you can do</h2>
        <ul>
          <li>Compare the number with the one in your message, letter by letter. All of it is needed, the last nine letters too.</li>
          <li>If you were sent a newer number, use that one: the older one no longer works.</li>
          <li>If it still does not work, ask the office where you applied. Have your name and the date of your application ready.</li>
        </ul>
        <NumberForm c={c} />
      </>,
      404,
    );
  const { view, zone } = found;
  const time = plainTimes(zone);
  return trackPage(
    c,
    "Your request",
    <>
      <h1>
        Your request <span class="number">{view.id}</span>
      </h1>
      <p class="hint">
        <bdi>{view.workflow}</bdi>
      </p>
      <section class="card" aria-label="How it stands">
        {inWords(view, time)}
      </section>
      <h2 id="steps">Steps</h2>
      {view.stages.length === 0 ? (
        <p>No steps are known yet.</p>
      ) : (
        <ol class="steps" aria-labelledby="steps">
          {view.stages.map((s) => {
            const [sign, text] = STAGES[s.status] ?? ["•", s.status];
            return (
              <li class={`step step-${s.status.replaceAll(/[^a-z]/g, "-")}`}>
                <span class="step-sign" aria-hidden="true">
                  {sign}
                </span>
                <bdi class="step-name">{words(s.stage)}</bdi> <span class="step-words">{text}</span>
              </li>
            );
          })}
        </ol>
      )}
      <h2 id="history">What happened so far</h2>
      <ol class="history" aria-labelledby="history">
        {view.history.map((event) => (
          <Event event={event} time={time} />
        ))}
      </ol>
      <p class="hint">Times are those of {knownZone(zone)}.</p>
      <p class="no-print">
        <button type="button" id="print" hidden>
          Print this page
        </button>
      </p>
      <h2 class="no-print">Another request</h2>
      <NumberForm c={c} again />
    </>,
  );
});
