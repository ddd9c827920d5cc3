/** The stages of a ticket: where each one is and why, and what can be done with it. */
import type { FC } from "hono/jsx";
import { offersForStage } from "../actions.js";
import { labelled, words } from "../format.js";
import { Clock, Name, Said, Status, Table, Time } from "../ui.js";
import { can, person, type Web } from "../web.js";
import { cut, folded, type Stage } from "./data.js";
import { Holder, Offers } from "./ui.js";
import type { View } from "./view.js";

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
  const offers = offersForStage(facts, stage, (right) => can(c, right));
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
        {stage.worker === null && !stage.by_law ? null : (
          <span class="by line">
            <Holder stage={stage} me={session.role} />
          </span>
        )}
      </td>
      <td data-label="Clock">
        {stage.status === "waiting" ? "–" : <Clock facts={stage} now={now} times={times} />}
        {stage.queued_at === null && stage.awaiting_at === null ? null : (
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

export const StagesPart: FC<{ c: Web; view: View }> = ({ c, view }) => {
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
