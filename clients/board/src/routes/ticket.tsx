/** One ticket: everything that is known about it, live, and what the person may do with it. */
import { diagramTicket, trackingNumber } from "hms-oms-sdk";
import { Hono } from "hono";
import { raw } from "hono/html";
import type { Child, FC } from "hono/jsx";
import { findAction, offersForStage, offersForTicket, seenOf, UnknownName, type Action, type Input } from "../actions.js";
import { drawing } from "../diagram.js";
import { labelled, lengthOf, pictureWords, words, type Times } from "../format.js";
import { page } from "../layout.js";
import { newParts, partsOf } from "../parts.js";
import { giveBackOnce, newOnce, takeOnce } from "../once.js";
import type { Session } from "../session.js";
import { choicesOf, clockOfStage, cut, factsOf, folded, MOST_NOTE, noteOf, ticketNumber, timelineOf, whyOf, type Choices, type Facts, type Segment, type Stage, type TimelineEvent, type Why } from "../ticket.js";
import { Clock, Field, LiveLine, Name, PostForm, Said, Status, Table, Time } from "../ui.js";
import { asRefused, can, lacking, form, needs, param, person, Refused, type Env, type Form, type Web } from "../web.js";
import { clockOf } from "./board.js";

export const ticketRoutes = new Hono<Env>();

/** Events on a page, and those that "show all" shows. */
const EVENTS = 200;
const ALL_EVENTS = 20_000;
/** Stages on a page, unless all are asked for. */
const STAGES = 200;
/** Stages whose clocks are explained on the page without being asked for. */
const CLOCKS = 5;
/** How long a page waits for its picture. */
const PICTURE_MS = 1500;

interface View {
  facts: Facts;
  why: Map<string, Why>;
  events: TimelineEvent[];
  /** The last event on the page has older ones before it. */
  older: number | undefined;
  newest: boolean;
  clocks: { stage: Stage | null; segments: Segment[] }[];
  asked: string | undefined;
  stages: Stage[];
  tracking: string | undefined;
  picture: string | undefined;
  now: Date;
  times: Times;
}

const active = (s: Stage) => s.status === "awaiting" || s.status === "queued" || s.status === "in_progress" || s.status === "on_hold" || s.status === "failed";

async function load(c: Web, id: string): Promise<View> {
  const before = param(c, "before");
  if (before !== undefined && !/^\d{1,9}$/.test(before)) throw new Refused(400, "This address is not whole.");
  const most = param(c, "events") === "all" ? ALL_EVENTS : EVENTS;
  const asked = param(c, "clock", 300);
  const { db, watch } = c.get("board");
  const session = person(c);
  const { dot, ...view } = await db.as(session.role, async (query) => {
    const facts = await factsOf(query, id);
    const events = await timelineOf(query, facts.ticket, before === undefined ? undefined : Number(before), most + 1);
    const shown = param(c, "stages") === "all" || facts.stages.length <= STAGES ? facts.stages : [...facts.stages.filter((s) => s.status !== "waiting"), ...facts.stages.filter((s) => s.status === "waiting")].slice(0, STAGES);
    const explained = asked === undefined ? [null, ...facts.stages.filter(active).slice(0, CLOCKS)] : facts.stages.filter((s) => s.stage === asked);
    const clocks: View["clocks"] = [];
    for (const stage of explained) clocks.push({ stage, segments: await clockOfStage(query, id, stage?.stage ?? null) });
    return {
      facts, clocks, asked,
      stages: shown,
      why: new Map((await whyOf(query, id)).map((w) => [w.stage, w])),
      events: events.slice(0, most),
      older: events.length > most ? events[most - 1]?.seq : undefined,
      newest: before === undefined,
      tracking: can(c, "tracking_number") ? await trackingNumber(id, { client: query.client }) : undefined,
      dot: await diagramTicket(id, { format: "dot", client: query.client }),
      ...(await clockOf(query)),
    };
  });
  watch.shown(session, id, view.facts.ticket.last_seq);
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, PICTURE_MS, undefined).unref());
  return { ...view, picture: await Promise.race([drawing(pictureWords(dot, view.times), `The stages of ${id} and which of them wait for which; the table of stages says the same`), late]) };
}

// ---- pieces ----

/** The name for people, and the id if it is another. */
const StageName: FC<{ stage: Stage }> = ({ stage }) => (
  <>
    <Name of={words(stage.label)} />
    {stage.label === stage.stage ? null : (
      <span class="by">
        {" "}
        <Name of={stage.stage} />
      </span>
    )}
  </>
);

/** Who has a stage, or had it in the end. */
const Holder: FC<{ stage: Stage; me: string }> = ({ stage: { worker, status, finished_at }, me }) =>
  worker === null && status === "done" ? <small class="line">by law</small> : worker === null ? null : finished_at !== null ? (
    <>
      by <Name of={worker} />
    </>
  ) : worker === me ? (
    <>you have it</>
  ) : (
    <>
      <Name of={worker} /> has it
    </>
  );

const Fact: FC<{ name: string; children?: Child }> = ({ name, children }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

const FactsPart: FC<{ view: View }> = ({ view: { facts, tracking, times } }) => {
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

const PicturePart: FC<{ view: View }> = ({ view: { picture } }) => (
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

const address = (id: string, action: Action, stage?: Stage) =>
  `/tickets/${encodeURIComponent(id)}/${action.name}${stage === undefined ? "" : `?stage=${encodeURIComponent(stage.stage)}`}`;

/** What can be done at once is a button, everything else leads to a page with a form. */
const Offers: FC<{ session: Session; id: string; stage?: Stage; offers: Action[]; back?: string }> = ({ session, id, stage, offers, back }) => {
  const name = (a: Action) => (stage === undefined ? a.title : `${a.title}: ${stage.label}`);
  const key = (a: Action) => `do-${stage?.stage_no ?? 0}-${a.name}`;
  return (
    <ul class="offers">
      {offers.map((a) => (
        <li data-key={key(a)}>
          {a.atOnce === true ? (
            <PostForm session={session} action={`/tickets/${encodeURIComponent(id)}/${a.name}`}>
              <input type="hidden" name="stage" value={stage?.stage} />
              {back === undefined ? null : <input type="hidden" name="back" value={back} />}
              <button id={key(a)} aria-label={name(a)} data-near={stage === undefined ? undefined : `stage-row-${stage.stage_no}`}>
                {a.title}
              </button>
            </PostForm>
          ) : (
            <a id={key(a)} href={address(id, a, stage)} aria-label={name(a)} data-near={stage === undefined ? undefined : `stage-row-${stage.stage_no}`}>
              {a.title}
            </a>
          )}
        </li>
      ))}
    </ul>
  );
};

/** Who is meant by ids is known here; what somebody wrote, of a hold or a failure, stays as it is. */
function whyWords({ facts, times }: View, stage: Stage, why: string): string {
  const text = times.within(why);
  return stage.status === "waiting" || stage.status === "queued" ? labelled(text, (id) => facts.stages.find((s) => s.stage === id)?.label) : text;
}

/** These stand in the row; the others are a click away. */
const FIRST = new Set(["claim", "start", "done", "resume", "retry"]);

const StageRow: FC<{ c: Web; view: View; stage: Stage }> = ({ c, view, stage }) => {
  const { facts, now, times } = view;
  const session = person(c);
  const id = facts.ticket.ticket_id;
  const why = view.why.get(stage.stage);
  const offers = offersForStage(facts, stage, session.role, (right) => can(c, right));
  const rest = offers.filter((a) => !FIRST.has(a.name));
  return (
    <tr data-key={String(stage.stage_no)}>
      <th scope="row" id={`stage-row-${stage.stage_no}`} tabindex={-1}>
        <StageName stage={stage} />
        {stage.manual ? <span class="by"> manual</span> : null}
      </th>
      <td data-label="Status">
        <Status status={stage.status} />
        {stage.cycle > 1 || stage.attempt > 1 ? (
          <small class="line">
            {stage.cycle > 1 ? `cycle ${stage.cycle}` : null}
            {stage.cycle > 1 && stage.attempt > 1 ? ", " : null}
            {stage.attempt > 1 ? `attempt ${stage.attempt}` : null}
          </small>
        ) : null}
        {stage.level > 0 ? <small class="line">escalated, level{"\u00a0"}{stage.level}</small> : null}
      </td>
      <td data-label="Owner">
        <Name of={stage.owner} />
        {stage.worker === null ? null : (
          <span class="by line">
            <Holder stage={stage} me={session.role} />
          </span>
        )}
      </td>
      <td data-label="Clock">
        {stage.status === "waiting" ? "–" : <Clock facts={stage} now={now} times={times} />}
        {stage.queued_at === null ? null : (
          <a class="line small" href={`/tickets/${encodeURIComponent(id)}?clock=${encodeURIComponent(stage.stage)}#clock-head`} aria-label={`Explain the clock of ${stage.label}`}>
            explain
          </a>
        )}
      </td>
      <td class="why" data-label="Why">
        {why?.why == null ? (stage.finished_at === null ? "–" : "") : <bdi><Said of={folded(whyWords(view, stage, why.why))} /></bdi>}
        {why?.since == null ? null : (
          <small class="line">
            since <Time at={why.since} times={times} />
          </small>
        )}
        {why?.until == null ? null : (
          <small class="line">
            until <Time at={why.until} times={times} />
          </small>
        )}
        {stage.finished_at === null ? null : (
          <small class="line">
            finished <Time at={stage.finished_at} times={times} />
          </small>
        )}
        {stage.output === null ? null : (
          <details>
            <summary>Output</summary>
            <pre tabindex={0}>{cut(stage.output)}</pre>
          </details>
        )}
      </td>
      <td data-label="Actions">
        <Offers session={session} id={id} stage={stage} offers={offers.filter((a) => FIRST.has(a.name))} />
        {rest.length === 0 ? null : (
          <details class="more" data-key={`more-${stage.stage_no}`}>
            <summary aria-label={`More for ${stage.label}`}>More</summary>
            <Offers session={session} id={id} stage={stage} offers={rest} />
          </details>
        )}
      </td>
    </tr>
  );
};

const StagesPart: FC<{ c: Web; view: View }> = ({ c, view }) => {
  const { facts, stages } = view;
  const id = facts.ticket.ticket_id;
  return (
    <section data-part="stages" aria-labelledby="stages-head">
      <h2 id="stages-head" tabindex={-1}>
        Stages
      </h2>
      <Table caption="Every stage, who is responsible, and why it is where it is" class="stages cards" head={["Stage", "Status", "Owner", "Clock", "Why", "Actions"]}>
        <tbody>
          {stages.map((s) => (
            <StageRow c={c} view={view} stage={s} />
          ))}
        </tbody>
      </Table>
      {stages.length === facts.stages.length ? null : (
        <p>
          {stages.length} of {facts.stages.length} stages. <a href={`/tickets/${encodeURIComponent(id)}?stages=all#stages-head`}>Show all</a>
        </p>
      )}
    </section>
  );
};

const safeUrl = (url: string) => /^https?:\/\//i.test(url);

const NOTE_TO = /^to (\S+): /;

/** A note with its times in the zone of the page; one of a stage that was sent back begins with where to. */
function noteWords({ status, note }: TimelineEvent, times: Times, labels: Map<string, string>): string {
  const text = times.within(note ?? "");
  return status === "sent_back" ? text.replace(NOTE_TO, (all, id: string) => (labels.has(id) ? `to ${words(labels.get(id) ?? id)}: ` : all)) : text;
}

/** Of these the worker says who did it; with others it is who had the stage. */
const BY_WORKER = new Set(["in_progress", "done", "failed", "retry", "released"]);

/** Who did it. A stage that is done without a worker is done by a rule of its workflow, whose time had come. */
function doer({ status, worker, actor }: TimelineEvent): string {
  if (status === "done" && worker === null) return "by law";
  return BY_WORKER.has(status) ? (worker ?? actor) : actor;
}

/** Who has it from then on, or was told. */
function toWhom({ status, owner, worker, told }: TimelineEvent): string | null {
  if (status === "reassigned") return owner;
  if (status === "assigned" || status === "delegated" || status === "resolved") return worker;
  return told;
}

const EventRow: FC<{ id: string; event: TimelineEvent; times: Times; labels: Map<string, string>; to: string | null; by: string }> = ({ id, event, times, labels, to, by }) => (
  <tr data-key={String(event.seq)}>
    <td class="nowrap" data-label="When">
      <Time at={event.at} times={times} />
    </td>
    <th scope="row">
      {words(event.status)}
      {to === null ? null : (
        <span class="by">
          {" to "}
          <Name of={to} />
        </span>
      )}
      {event.public ? <span class="public">public</span> : null}
    </th>
    <td data-label="Stage">
      {event.stage === null ? "" : <Name of={words(labels.get(event.stage) ?? event.stage)} />}
      {event.cycle > 1 ? <span class="by"> cycle {event.cycle}</span> : null}
    </td>
    <td data-label="Who">
      {by === event.actor ? (
        <Name of={event.actor} />
      ) : (
        <>
          <Name of={by} />
          <span class="by line">
            entered by <Name of={event.actor} />
          </span>
        </>
      )}
    </td>
    <td class="note" data-label="Note">
      {event.note === null ? null : <span class="said"><Said of={folded(noteWords(event, times, labels))} /></span>}
      {event.note === null || event.note.length <= MOST_NOTE ? null : (
        <a class="line" href={`/tickets/${encodeURIComponent(id)}/notes/${event.seq}`} aria-label={`Read all of it: the note of ${times.full(event.at)}`}>
          Read all of it
        </a>
      )}
      {event.attachment === null ? null : (
        <span class="line">
          {event.url !== null && safeUrl(event.url) ? (
            <a href={event.url} rel="noopener noreferrer">
              <bdi>{event.attachment}</bdi>
            </a>
          ) : (
            <>
              <bdi>{event.attachment}</bdi> (<bdi>{event.url}</bdi>)
            </>
          )}
          <small class="line digest">SHA-256 {event.sha256}</small>
        </span>
      )}
      {event.output === null ? null : (
        <details>
          <summary>Output</summary>
          <pre tabindex={0}>{cut(event.output)}</pre>
        </details>
      )}
    </td>
  </tr>
);

const TimelinePart: FC<{ view: View }> = ({ view: { facts, events, older, newest, times } }) => {
  const labels = new Map(facts.stages.map((s) => [s.stage, s.label]));
  const here = `/tickets/${encodeURIComponent(facts.ticket.ticket_id)}`;
  return (
    <section data-part="timeline" aria-labelledby="timeline-head">
      <h2 id="timeline-head" tabindex={-1}>
        Timeline
      </h2>
      <Table caption="What happened, the newest first; what is marked public the applicant sees as well" class="timeline cards" head={["When", "What", "Stage", "Who", "Note"]}>
        <tbody>
          {events.map((e) => (
            <EventRow id={facts.ticket.ticket_id} event={e} times={times} labels={labels} to={toWhom(e)} by={doer(e)} />
          ))}
        </tbody>
      </Table>
      <nav class="pages" aria-label="Pages of the timeline">
        {newest ? null : <a href={`${here}#timeline-head`}>Newest</a>}
        {older === undefined ? null : <a href={`${here}?before=${older}#timeline-head`}>Older</a>}
        {older === undefined && newest ? null : <a href={`${here}?events=all#timeline-head`}>Show all</a>}
      </nav>
    </section>
  );
};

const ClockPart: FC<{ view: View }> = ({ view: { facts, clocks, asked, times } }) => (
  <section data-part="clock" aria-labelledby="clock-head">
    <h2 id="clock-head" tabindex={-1}>
      Clocks
    </h2>
    {clocks.every((x) => x.segments.length === 0) ? <p>No clock has run here.</p> : null}
    {clocks.map(({ stage, segments }) =>
      segments.length === 0 ? null : (
        <Table caption={stage === null ? "The clock of the whole ticket" : `The clock of ${words(stage.label)}`} class="segments cards" head={["From", "To", "Elapsed time", "So far", "Why"]} right={[2, 3]}>
          <tbody>
            {segments.map((s) => (
              <tr>
                <td data-label="From">
                  <Time at={s.starts} times={times} />
                </td>
                <td data-label="To">
                  <Time at={s.ends} times={times} />
                </td>
                <td class="right" data-label="Elapsed time">{lengthOf(s.open_time)}</td>
                <td class="right" data-label="So far">{lengthOf(s.consumed)}</td>
                <td data-label="Why">
                  <bdi><Said of={folded(times.within(s.reason))} /></bdi>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ),
    )}
    {asked === undefined ? null : (
      <p>
        <a href={`/tickets/${encodeURIComponent(facts.ticket.ticket_id)}#clock-head`}>Clocks of the ticket and its open stages</a>
      </p>
    )}
  </section>
);

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

const OffersPart: FC<{ c: Web; view: View }> = ({ c, view }) => (
  <div data-part="offers" class="no-print">
    <Offers session={person(c)} id={view.facts.ticket.ticket_id} offers={offersForTicket(view.facts, (right) => can(c, right)).filter((a) => a.name !== "comment")} />
  </div>
);

// ---- the page ----

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

// ---- actions ----

/** What somebody typed, or what stands there first. */
type Typed = (name: string) => string;

const InputField: FC<{ input: Input; stage: Stage | undefined; facts: Facts; choices: Choices | undefined; typed: Typed | undefined; zone: string }> = (props) => {
  const { input, typed, choices } = props;
  const id = `i-${input.name}`;
  const value = typed === undefined ? (input.first ?? "") : typed(input.name);
  const described = input.hint === undefined && input.kind !== "time" ? undefined : `${id}-hint`;
  const from = input.from === undefined || choices === undefined ? [] : input.from(choices, props.facts, props.stage);
  const common = { id, name: input.name, required: input.required === true, "aria-describedby": described };
  if (input.kind === "check")
    return (
      <p class="check">
        <input type="checkbox" id={id} name={input.name} value="yes" checked={value === "yes"} aria-describedby={described} />
        <label for={id}>{input.label}</label>
        {input.hint === undefined ? null : (
          <small class="hint line" id={described}>
            {input.hint}
          </small>
        )}
      </p>
    );
  const hint = input.kind === "time" ? `${input.hint ?? ""} Time zone: ${props.zone}.` : input.hint;
  return (
    <Field label={input.label} for={id} {...(hint === undefined ? {} : { hint })}>
      {input.kind === "text" ? (
        <textarea {...common} rows={4}>
          {value}
        </textarea>
      ) : input.kind === "json" ? (
        <textarea {...common} rows={8} class="code" spellcheck={false}>
          {value}
        </textarea>
      ) : input.kind === "choice" ? (
        <select {...common}>
          {from.map(([v, text]) => (
            <option value={v} selected={v === value}>
              {text}
            </option>
          ))}
        </select>
      ) : (
        <input {...common} type={input.kind === "time" ? "datetime-local" : "text"} value={value} maxlength={1000} autocomplete="off" list={from.length > 0 ? `${id}-list` : undefined} />
      )}
      {input.kind === "line" && from.length > 0 ? (
        <datalist id={`${id}-list`}>
          {from.map(([v]) => (
            <option value={v}></option>
          ))}
        </datalist>
      ) : null}
    </Field>
  );
};

const Inputs: FC<{ inputs: readonly Input[]; stage: Stage | undefined; facts: Facts; choices: Choices | undefined; typed: Typed | undefined; zone: string }> = (props) => (
  <>
    {props.inputs.map((input) => (
      <InputField input={input} stage={props.stage} facts={props.facts} choices={props.choices} typed={props.typed} zone={props.zone} />
    ))}
  </>
);

/** Where an action leads to when it is done. */
const BACK = new Set(["/inbox"]);
const backOf = (text: string | undefined, id: string) => (text !== undefined && BACK.has(text) ? text : `/tickets/${id}`);

interface Asked {
  id: string;
  action: Action;
  stage: string | undefined;
  back: string;
}

function actionOf(c: Web): Action {
  needs(c, "get_ticket");
  const action = findAction(c.req.param("action") ?? "");
  if (action === undefined) throw new Refused(404, "There is no such page.");
  if (!can(c, action.right)) throw lacking(c, action.right, "Your role does not have the right to do this.");
  return action;
}

async function actionPage(c: Web, { id, action, stage: stageId, back }: Asked, failed?: { refused: Refused; fields: Form }) {
  const session = person(c);
  const { facts, choices, now, times } = await c.get("board").db.as(session.role, async (query) => ({
    facts: await factsOf(query, id),
    choices: await choicesOf(query),
    ...(await clockOf(query)),
  }));
  const stage = facts.stages.find((s) => s.stage === stageId);
  if (stageId !== undefined && stage === undefined) throw new Refused(404, `${id} has no stage "${stageId}".`);
  if (stage === undefined ? action.about === "stage" : action.about === "ticket") throw new Refused(400, "This address is not whole.");
  const may = (right: string) => can(c, right);
  const offered = (stage === undefined ? offersForTicket(facts, may) : offersForStage(facts, stage, session.role, may)).includes(action);
  if (!offered && failed === undefined)
    throw new Refused(409, `"${action.title}" is not possible now.`, facts.ticket.archived ? `${id} is archived.` : stage === undefined ? `${id} is ${words(facts.ticket.status)}.` : `${words(stage.label)} of ${id} is ${words(stage.status)}.`);
  const fields = failed?.fields;
  const what = stage === undefined ? id : `${words(stage.label)} of ${id}`;
  return page(
    c,
    { title: `${action.title}: ${what}`, now },
    <div class="form-page">
      <h1>
        {action.title}: <Said of={what} />
      </h1>
      <p>
        <a href={back}>{back === "/inbox" ? "Back to the inbox" : `Back to ${id}`}</a>
      </p>
      {stage === undefined ? null : (
        <p>
          <Status status={stage.status} /> <Name of={stage.owner} />
          {stage.worker === null ? null : (
            <span class="by">
              {" · "}
              <Holder stage={stage} me={session.role} />
            </span>
          )}
          {" · "}
          <Clock facts={stage} now={now} times={times} />
        </p>
      )}
      {action.explained === undefined ? null : <p>{action.explained}</p>}
      {failed === undefined ? null : (
        <div class="message message-error" role="alert">
          <p>{failed.refused.message}</p>
          {failed.refused.hint === undefined ? null : <p class="hint">{failed.refused.hint}</p>}
        </div>
      )}
      <PostForm session={session} action={`/tickets/${id}/${action.name}`} class="stacked card" keep>
        <input type="hidden" name="once" value={newOnce()} />
        {stage === undefined ? null : <input type="hidden" name="stage" value={stage.stage} />}
        {stage === undefined ? null : <input type="hidden" name="seen" value={fields?.optional("seen") ?? seenOf(stage)} />}
        <input type="hidden" name="back" value={back} />
        <Inputs inputs={action.inputs} stage={stage} facts={facts} choices={choices} typed={fields === undefined ? undefined : (name) => fields.text(name)} zone={times.zone} />
        {failed?.refused instanceof UnknownName ? (
          <p class="check">
            <input type="checkbox" id="i-unknown" name="unknown" value={failed.refused.given} />
            <label for="i-unknown">{failed.refused.answer}</label>
          </p>
        ) : null}
        <p class="buttons">
          <button class={action.ask === undefined ? "main" : "danger"} data-ask={action.ask}>
            {action.title}
          </button>{" "}
          <a href={back}>Cancel</a>
        </p>
      </PostForm>
    </div>,
    failed?.refused.status ?? 200,
  );
}

/** The label of a stage, for what is said when something did not work. */
async function labelOf(c: Web, id: string, stage: string | undefined): Promise<string | undefined> {
  const [row] = await c.get("board").db.as(person(c).role, (query) =>
    query.rows<{ label: string }>("SELECT s.label FROM oms.stage AS s WHERE s.ticket_id = $1::oms.ticket_id AND s.stage = $2", [id, stage]),
  );
  return row?.label;
}

/** Somebody was faster: who? */
async function taken(c: Web, id: string, stage: string | undefined): Promise<Refused> {
  const [row] = await c.get("board").db.as(person(c).role, (query) =>
    query.rows<{ label: string; worker: string | null }>("SELECT s.label, s.worker FROM oms.stage AS s WHERE s.ticket_id = $1::oms.ticket_id AND s.stage = $2", [id, stage]),
  );
  return new Refused(409, `Somebody was faster: ${row?.worker ?? "another worker"} has ${words(row?.label ?? "it")} of ${id}.`);
}

ticketRoutes.get("/tickets/:id/:action", async (c) => {
  const action = actionOf(c);
  const id = ticketNumber(c.req.param("id"));
  return actionPage(c, { id, action, stage: param(c, "stage", 1000), back: backOf(param(c, "back"), id) });
});

ticketRoutes.post("/tickets/:id/:action", async (c) => {
  const action = actionOf(c);
  const session = person(c);
  const id = ticketNumber(c.req.param("id"));
  const fields = await form(c);
  const stage = fields.optional("stage");
  const back = backOf(fields.optional("back"), id);
  const once = fields.optional("once");
  // It is kept for a while, so it is what newOnce() made and nothing longer.
  if (once !== undefined && once.length > 16) throw new Refused(400, "This form is not one of the board.");
  if (once !== undefined && !takeOnce(session, once)) return c.redirect(back, 303);
  try {
    const label = await c.get("board").db.as(
      session.role,
      async (query) => {
        await action.run({ query, ticket: id, stage: action.about === "ticket" ? undefined : stage, form: fields, me: session.role });
        if (stage === undefined) return undefined;
        const [row] = await query.rows<{ label: string }>("SELECT s.label FROM oms.stage AS s WHERE s.ticket_id = $1::oms.ticket_id AND s.stage = $2", [id, stage]);
        return row?.label;
      },
      { write: true },
    );
    session.message = { kind: "done", text: `${label === undefined ? id : `${words(label)} of ${id}`} ${action.said}.` };
    return c.redirect(back, 303);
  } catch (error) {
    if (once !== undefined) giveBackOnce(session, once);
    const refused = (error as { code?: unknown }).code === "OM007" ? await taken(c, id, stage) : asRefused(error, { title: action.title, label: await labelOf(c, id, stage).catch(() => undefined) });
    if (refused === undefined) throw error;
    if (action.atOnce === true) {
      session.message = { kind: "error", text: refused.message, ...(refused.hint === undefined ? {} : { hint: refused.hint }) };
      return c.redirect(back, 303);
    }
    return await actionPage(c, { id, action, stage, back }, { refused, fields });
  }
});

