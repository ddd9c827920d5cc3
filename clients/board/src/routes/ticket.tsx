/** One ticket: everything that is known about it, live. What the person may do with it is in ticket-actions.tsx. */
import { Hono } from "hono";
import { findAction, offersForTicket } from "../actions.js";
import { page } from "../layout.js";
import { newOnce } from "../once.js";
import { newParts, partsOf } from "../parts.js";
import { ClockPart } from "../ticket/clocks.js";
import { cut, noteOf, ticketNumber } from "../ticket/data.js";
import { FactsPart, OffersPart, PicturePart } from "../ticket/facts.js";
import { Inputs } from "../ticket/inputs.js";
import { StagesPart } from "../ticket/stages.js";
import { TimelinePart } from "../ticket/timeline.js";
import { load, type View } from "../ticket/view.js";
import { LiveLine, PostForm, Said } from "../ui.js";
import { can, needs, person, Refused, type Env, type Web } from "../web.js";

export const ticketRoutes = new Hono<Env>();

const firstParts = (c: Web, view: View) => [<FactsPart view={view} />, <OffersPart c={c} view={view} />, <PicturePart view={view} />, <StagesPart c={c} view={view} />];

/** What stands below the form for comments. */
const lastParts = (view: View) => [
  <TimelinePart view={view} />,
  <ClockPart view={view} />,
  <section data-part="data">
    <h2 id="data-head">Data</h2>
    <pre tabindex={0} role="region" aria-labelledby="data-head">
      {cut(view.facts.ticket.data)}
    </pre>
  </section>,
];

ticketRoutes.get("/tickets/:id", async (c) => {
  needs(c, "get_ticket");
  const id = ticketNumber(c.req.param("id"));
  const url = new URL(c.req.url);
  if (id !== c.req.param("id")) return c.redirect(`/tickets/${id}${url.search}`, 302);
  const view = await load(c, id);
  const session = person(c);
  const comment = findAction("comment");
  return page(
    c,
    { title: id, scripts: ["/assets/parts.js"], now: view.now, wide: true },
    <div data-parts={`/tickets/${id}/parts${url.search}`} data-ticket={id}>
      <h1 tabindex={-1}>Ticket {id}</h1>
      <LiveLine times={view.times} />
      {await partsOf(firstParts(c, view))}
      {comment === undefined || !offersForTicket(view.facts, (right) => can(c, right)).includes(comment) ? null : (
        <section aria-labelledby="comment-head" class="no-print">
          <h2 id="comment-head">Comment</h2>
          <PostForm session={session} action={`/tickets/${id}/comment`} class="stacked card" keep>
            <input type="hidden" name="once" value={newOnce()} />
            <Inputs inputs={comment.inputs} stage={undefined} facts={view.facts} choices={undefined} typed={undefined} zone={view.times.zone} />
            <p class="buttons">
              <button class="main">Comment</button>
            </p>
          </PostForm>
        </section>
      )}
      {await partsOf(lastParts(view))}
    </div>,
  );
});

ticketRoutes.get("/tickets/:id/parts", async (c) => {
  needs(c, "get_ticket");
  const view = await load(c, ticketNumber(c.req.param("id")));
  return newParts(c, [...firstParts(c, view), ...lastParts(view)]);
});

/** A note that is too long for the timeline. */
ticketRoutes.get("/tickets/:id/notes/:seq{[0-9]+}", async (c) => {
  needs(c, "get_ticket");
  const id = ticketNumber(c.req.param("id"));
  const seq = Number(c.req.param("seq"));
  const note = await c.get("board").db.as(person(c).role, (query) => noteOf(query, id, seq));
  if (note === undefined) throw new Refused(404, `There is no such note of ${id}.`);
  return page(
    c,
    { title: `Note of ${id}` },
    <>
      <h1>
        Note of <Said of={id} />
      </h1>
      <p>
        <a href={`/tickets/${id}#timeline-head`}>Back to {id}</a>
      </p>
      <p class="card said">{note}</p>
    </>,
  );
});
