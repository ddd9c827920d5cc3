/** The inbox: what the person has, and what it may claim. */
import { Hono } from "hono";
import type { FC } from "hono/jsx";
import { words, type Times } from "../format.js";
import { page } from "../layout.js";
import { LAST_SEQ } from "../open.js";
import { newParts, partsOf } from "../parts.js";
import type { Session } from "../session.js";
import { Clock, LiveLine, Name, PostForm, Status, Table, TicketLink } from "../ui.js";
import { can, needs, person, type Env, type Web } from "../web.js";
import { clockOf } from "./board.js";

export const inboxRoutes = new Hono<Env>();

const MOST = 200;

interface Work {
  ticket: string;
  stage: string;
  stage_no: number;
  status: string;
  owner: string;
  workflow: string;
  priority: number;
  label: string;
  delegated_by: string | null;
  queued_at: Date | null;
  due_at: Date | null;
  running_since: Date | null;
  breached_at: Date | null;
  last_seq: number;
}

interface Inbox {
  work: Work[];
  owners: string[];
  now: Date;
  times: Times;
}

async function load(c: Web): Promise<Inbox> {
  const session = person(c);
  const { db, watch } = c.get("board");
  const inbox = await db.as(session.role, async (query) => ({
    work: await query.rows<Work>(
      `SELECT m.ticket::pg_catalog.text AS ticket, m.stage, o.stage_no, m.status, m.owner, m.workflow, m.priority, m.label, m.delegated_by,
         m.queued_at, m.due_at, o.running_since, o.breached_at, ${LAST_SEQ}
       FROM oms.my_work($1, ${MOST + 1}) WITH ORDINALITY AS m (ticket, stage, status, owner, workflow, priority, label, queued_at, started_at, due_at, delegated_by, no)
       JOIN oms.open_stage AS o ON o.ticket_id = m.ticket AND o.stage = m.stage ORDER BY m.no`,
      [session.role],
    ),
    owners: (await query.rows<{ owner: string }>("SELECT m.owner FROM oms.owner_member AS m WHERE m.member = $1 ORDER BY m.owner LIMIT 1000", [session.role])).map((o) => o.owner),
    ...(await clockOf(query)),
  }));
  for (const { ticket, last_seq } of inbox.work) watch.shown(session, ticket, last_seq);
  return inbox;
}

const href = (work: Work, action: string) => `/tickets/${encodeURIComponent(work.ticket)}/${action}?stage=${encodeURIComponent(work.stage)}&back=/inbox`;

const WorkRow: FC<{ c: Web; session: Session; work: Work; now: Date; times: Times }> = ({ c, session, work, now, times }) => {
  const key = `${work.ticket}/${work.stage_no}`;
  const id = (what: string) => `${what}-${work.ticket}-${work.stage_no}`;
  const name = `${words(work.label)} of ${work.ticket}`;
  return (
    <tr data-key={key} data-ticket={work.ticket} data-seq={work.last_seq}>
      <th scope="row">
        <TicketLink id={work.ticket} />
      </th>
      <td data-label="Stage">
        <Name of={words(work.label)} />
      </td>
      <td data-label="Workflow">
        <Name of={work.workflow} />
      </td>
      <td data-label="Status">
        <Status status={work.status} />
      </td>
      <td data-label="Owner">
        <span>
          <Name of={work.owner} />
          {work.delegated_by === null ? null : (
            <span class="by line">
              delegated by <Name of={work.delegated_by} />
            </span>
          )}
        </span>
      </td>
      <td data-label="Priority" class="right">
        {work.priority}
      </td>
      <td data-label="Clock">
        <Clock facts={work} now={now} times={times} />
      </td>
      <td data-label="Actions">
        <ul class="offers">
          {work.status === "queued" && can(c, "claim_stage") ? (
            <li>
              <PostForm session={session} action={`/tickets/${encodeURIComponent(work.ticket)}/claim`}>
                <input type="hidden" name="stage" value={work.stage} />
                <input type="hidden" name="back" value="/inbox" />
                <button id={id("claim")} aria-label={`Claim: ${name}`} data-near="free-head">
                  Claim
                </button>
              </PostForm>
            </li>
          ) : null}
          {work.status === "in_progress" && can(c, "stage_done") ? (
            <li>
              <a id={id("done")} href={href(work, "done")} aria-label={`Done: ${name}`} data-near="mine-head">
                Done
              </a>
            </li>
          ) : null}
          {work.status === "in_progress" && can(c, "release") ? (
            <li>
              <a id={id("release")} href={href(work, "release")} aria-label={`Give it back: ${name}`} data-near="mine-head">
                Give it back
              </a>
            </li>
          ) : null}
        </ul>
      </td>
    </tr>
  );
};

const Part: FC<{ c: Web; inbox: Inbox; name: string; title: string; none: string; work: Work[] }> = ({ c, inbox, name, title, none, work }) => (
  <section data-part={name} aria-labelledby={`${name}-head`}>
    <h2 id={`${name}-head`} tabindex={-1}>
      {title} ({work.length})
    </h2>
    <Table caption={`${title}, the first to do on top`} class="inbox cards" head={["Ticket", "Stage", "Workflow", "Status", "Owner", "Priority", "Clock", "Actions"]} right={[5, 5]}>
      <tbody>
        {work.length === 0 ? (
          <tr data-key="none">
            <td colspan={8}>{none}</td>
          </tr>
        ) : (
          work.map((w) => <WorkRow c={c} session={person(c)} work={w} now={inbox.now} times={inbox.times} />)
        )}
      </tbody>
    </Table>
  </section>
);

function parts(c: Web, inbox: Inbox) {
  const shown = inbox.work.slice(0, MOST);
  return [
    <Part c={c} inbox={inbox} name="mine" title="What you have" none="You have nothing at hand." work={shown.filter((w) => w.status !== "queued")} />,
    <Part c={c} inbox={inbox} name="free" title="What you may claim" none="Nothing waits for you." work={shown.filter((w) => w.status === "queued")} />,
    <p data-part="more">{inbox.work.length > MOST ? `There is more; these are the first ${MOST}.` : ""}</p>,
  ];
}

inboxRoutes.get("/inbox", async (c) => {
  needs(c, "my_work");
  const inbox = await load(c);
  return page(
    c,
    { title: "Inbox", scripts: ["/assets/parts.js"], now: inbox.now, wide: true },
    <div data-parts="/inbox/parts" data-owners={JSON.stringify([...inbox.owners, person(c).role])}>
      <h1 tabindex={-1}>Your inbox</h1>
      <LiveLine times={inbox.times} />
      {await partsOf(parts(c, inbox))}
    </div>,
  );
});

inboxRoutes.get("/inbox/parts", async (c) => {
  needs(c, "my_work");
  return newParts(c, parts(c, await load(c)));
});
