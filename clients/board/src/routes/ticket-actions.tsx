/** What a person may do with a ticket or a stage: a page with a form for each action, and doing it. */
import { Hono } from "hono";
import { findAction, offersForStage, offersForTicket, seenOf, UnknownName, type Action } from "../actions.js";
import { words } from "../format.js";
import { page } from "../layout.js";
import { giveBackOnce, newOnce, takeOnce } from "../once.js";
import { choicesOf, factsOf, holderOf, ticketNumber } from "../ticket/data.js";
import { Inputs } from "../ticket/inputs.js";
import { Holder } from "../ticket/ui.js";
import { Clock, Name, PostForm, Said, Status } from "../ui.js";
import { asRefused, can, form, lacking, needs, param, person, Refused, type Env, type Form, type Web } from "../web.js";
import { clockOf } from "./board.js";

export const ticketActionRoutes = new Hono<Env>();

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
  const offered = (stage === undefined ? offersForTicket(facts, may) : offersForStage(facts, stage, may)).includes(action);
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
  return (await c.get("board").db.as(person(c).role, (query) => holderOf(query, id, stage)))?.label;
}

/** Somebody was faster: who? */
async function taken(c: Web, id: string, stage: string | undefined): Promise<Refused> {
  const held = await c.get("board").db.as(person(c).role, (query) => holderOf(query, id, stage));
  return new Refused(409, `Somebody was faster: ${held?.worker ?? "another worker"} has ${words(held?.label ?? "it")} of ${id}.`);
}

ticketActionRoutes.get("/tickets/:id/:action", async (c) => {
  const action = actionOf(c);
  const id = ticketNumber(c.req.param("id"));
  return actionPage(c, { id, action, stage: param(c, "stage", 1000), back: backOf(param(c, "back"), id) });
});

ticketActionRoutes.post("/tickets/:id/:action", async (c) => {
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
        return stage === undefined ? undefined : (await holderOf(query, id, stage))?.label;
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
