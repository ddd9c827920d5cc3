/** One box for all tickets: by number, by digits of it, by applicant, by tracking number. */
import { Hono } from "hono";
import { page } from "../layout.js";
import { find, isTracking, readTracking, type Findings, type Found } from "../search.js";
import { address } from "../reports/scope.js";
import { Name, Status, Table, TicketLink, Time } from "../ui.js";
import type { Times } from "../format.js";
import { can, form, needs, param, person, type Env, type Web } from "../web.js";
import { clockOf } from "./board.js";
import type { FC } from "hono/jsx";

export const searchRoutes = new Hono<Env>();

const ticketPage = (id: string) => `/tickets/${encodeURIComponent(id)}`;

const FoundRow: FC<{ ticket: Found; times: Times }> = ({ ticket, times }) => (
  <tr>
    <th scope="row">
      <TicketLink id={ticket.ticket_id} />
      {ticket.archived ? <span class="by"> archived</span> : null}
    </th>
    <td data-label="Workflow">
      <Name of={ticket.workflow} />
    </td>
    <td data-label="Status">
      <Status status={ticket.status} />
    </td>
    <td data-label="Applicant">{ticket.applicant === null ? "–" : <Name of={ticket.applicant} />}</td>
    <td data-label="Opened">
      <Time at={ticket.opened_at} times={times} />
    </td>
    <td data-label="Closed">
      <Time at={ticket.closed_at} times={times} />
    </td>
  </tr>
);

const Names: FC<{ title: string; names: string[]; filter: "worker" | "owner" }> = ({ title, names, filter }) =>
  names.length === 0 ? null : (
    <section aria-labelledby={`${filter}-head`}>
      <h2 id={`${filter}-head`}>{title}</h2>
      <ul class="names">
        {names.map((name) => (
          <li>
            <a href={address("/", { [filter]: name })}>
              <Name of={name} />
            </a>
          </li>
        ))}
      </ul>
    </section>
  );

function results(c: Web, text: string, { tickets, more, people, owners, anyPart }: Findings, now: Date, times: Times) {
  return page(
    c,
    { title: "Search", now, wide: true, search: text },
    <>
      <h1>Search</h1>
      <p role="status">
        {tickets.length === 0 ? "No ticket matches " : `${more ? `More than ${tickets.length} tickets match` : tickets.length === 1 ? "1 ticket matches" : `${tickets.length} tickets match`} `}
        <strong>
          <Name of={text} />
        </strong>
        {more ? ". Type more of it to see fewer." : "."}
        {anyPart ? null : <small class="line">Applicants are found by how words of their names begin.</small>}
      </p>
      {tickets.length === 0 ? null : (
        <Table caption="Tickets, open and closed, the newest first" class="cards" head={["Ticket", "Workflow", "Status", "Applicant", "Opened", "Closed"]}>
          <tbody>
            {tickets.map((t) => (
              <FoundRow ticket={t} times={times} />
            ))}
          </tbody>
        </Table>
      )}
      <Names title="What these people have" names={people} filter="worker" />
      <Names title="What is open for these owners" names={owners} filter="owner" />
    </>,
  );
}

/** A tracking number is a secret: it is sent by POST, and is in no address, on no page, in no statement. */
searchRoutes.post("/search", async (c) => {
  needs(c, "get_ticket");
  const typed = (await form(c)).text("q").slice(0, 200);
  const tracking = readTracking(typed);
  if (tracking === undefined) return c.redirect(address("/search", { q: typed }), 303);
  const right = can(c, "tracking_number") && (await c.get("board").db.as(person(c).role, (query) => isTracking(query, tracking)));
  if (right) return c.redirect(ticketPage(tracking.ticket), 303);
  return page(
    c,
    { title: "Search" },
    <>
      <h1>Search</h1>
      <p role="status">No ticket has this tracking number.</p>
      <p>
        A number that was replaced by a new one is not valid any more.{" "}
        <a href={address("/search", { q: tracking.ticket })}>Look for {tracking.ticket}</a>
      </p>
    </>,
    404,
  );
});

searchRoutes.get("/search", async (c) => {
  needs(c, "get_ticket");
  const text = param(c, "q");
  // An address that was meant to be a form.
  if (text === undefined || readTracking(text) !== undefined) return c.redirect("/", 303);
  const { findings, now, times } = await c.get("board").db.as(person(c).role, async (query) => ({ findings: await find(query, text), ...(await clockOf(query)) }));
  const { tickets: [only, ...others], people, owners } = findings;
  if (only !== undefined && others.length === 0 && people.length === 0 && owners.length === 0) return c.redirect(ticketPage(only.ticket_id), 303);
  return results(c, text, findings, now, times);
});
