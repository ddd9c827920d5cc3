/** The head of a ticket's page: what the ticket is, what can be done with it, and the picture of its stages. */
import { raw } from "hono/html";
import type { Child, FC } from "hono/jsx";
import { offersForTicket } from "../actions.js";
import { words } from "../format.js";
import { Name, Status, Time } from "../ui.js";
import { can, person, type Web } from "../web.js";
import { folded } from "./data.js";
import { Offers } from "./ui.js";
import type { View } from "./view.js";

const Fact: FC<{ name: string; children?: Child }> = ({ name, children }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

export const FactsPart: FC<{ view: View }> = ({ view: { facts, tracking, times } }) => {
  const { ticket, holds } = facts;
  const whole = holds.filter((h) => h.stage === null);
  return (
    <div data-part="facts" data-ticket={ticket.ticket_id} data-seq={ticket.last_seq}>
      <dl class="facts">
        <Fact name="Status">
          <Status status={ticket.status} />
          {ticket.archived ? <span class="by"> archived, to be read only</span> : null}
        </Fact>
        <Fact name="Workflow">
          <Name of={ticket.workflow} /> <span class="by">version {ticket.version}</span>
        </Fact>
        <Fact name="Applicant">{ticket.applicant === null ? "–" : <Name of={ticket.applicant} />}</Fact>
        <Fact name="Priority">{ticket.priority}</Fact>
        <Fact name="Opened">
          <Time at={ticket.opened_at} times={times} /> {ticket.opened_by === null ? null : (
            <span class="by">
              by <Name of={ticket.opened_by} />
            </span>
          )}
        </Fact>
        <Fact name={ticket.closed_at === null ? "Due" : "Closed"}>
          <Time at={ticket.closed_at ?? ticket.due_at} times={times} />
          {ticket.breached_at === null ? null : <strong class="clock-late"> late</strong>}
        </Fact>
        {whole.length === 0 ? null : (
          <Fact name="On hold">
            {whole.map((h) => (
              <span class="line">
                <bdi>{folded(words(h.reason))}</bdi>
                {h.until === null ? null : (
                  <>
                    {" "}
                    until <Time at={h.until} times={times} />
                  </>
                )}
              </span>
            ))}
          </Fact>
        )}
        {tracking === undefined ? null : (
          <Fact name="Tracking number">
            <details id="tracking">
              <summary>Show</summary>
              <code class="number">{tracking}</code> <small>Whoever has it can see how far this is: give it to the applicant only.</small>
            </details>
          </Fact>
        )}
      </dl>
    </div>
  );
};

export const OffersPart: FC<{ c: Web; view: View }> = ({ c, view }) => (
  <div data-part="offers" class="no-print">
    <Offers session={person(c)} id={view.facts.ticket.ticket_id} offers={offersForTicket(view.facts, (right) => can(c, right)).filter((a) => a.name !== "comment")} />
  </div>
);

export const PicturePart: FC<{ view: View }> = ({ view: { picture } }) => (
  <section data-part="picture" aria-labelledby="picture-head">
    <h2 id="picture-head">Where it is</h2>
    {picture === undefined ? (
      <p data-pending="yes">The picture takes too long to draw. The table of stages says the same.</p>
    ) : (
      <div class="drawing" role="region" aria-label="Picture of the stages" tabindex={0}>
        {raw(picture)}
      </div>
    )}
  </section>
);
