/** The timeline of a ticket, page by page, the newest event first. */
import type { FC } from "hono/jsx";
import { words, type Times } from "../format.js";
import { Name, Said, Table, Time } from "../ui.js";
import { cut, folded, MOST_NOTE, type TimelineEvent } from "./data.js";
import type { View } from "./view.js";

const safeUrl = (url: string) => /^https?:\/\//i.test(url);

const NOTE_TO = /^to (\S+): /;

/** A note with its times in the zone of the page; one of a stage that was sent back begins with where to. */
function noteWords({ status, note }: TimelineEvent, times: Times, labels: Map<string, string>): string {
  const text = times.within(note ?? "");
  return status === "sent_back" ? text.replace(NOTE_TO, (all, id: string) => (labels.has(id) ? `to ${words(labels.get(id) ?? id)}: ` : all)) : text;
}

/** Of these the worker says who did it; with others it is who had the stage. */
const BY_WORKER = new Set(["in_progress", "done", "failed", "retry", "released"]);

/** Who did it; nobody, if it is a rule of the workflow, whose time had come. */
function doer({ status, worker, actor, note }: TimelineEvent): string {
  if (status === "done" && worker === null && note?.startsWith("by law ") === true) return "by law";
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

export const TimelinePart: FC<{ view: View }> = ({ view: { facts, events, older, newest, times } }) => {
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
