/** Everything that the page of a ticket shows, as it stands now. */
import { diagramTicket, trackingNumber } from "hms-oms-sdk";
import { drawing } from "../diagram.js";
import { pictureWords, type Times } from "../format.js";
import { clockOf } from "../routes/board.js";
import { can, param, person, Refused, type Web } from "../web.js";
import { clockOfStage, factsOf, timelineOf, whyOf, type Facts, type Segment, type Stage, type TimelineEvent, type Why } from "./data.js";

/** Events on a page, and those that "show all" shows. */
const EVENTS = 200;
const ALL_EVENTS = 20_000;
/** Stages on a page, unless all are asked for. */
const STAGES = 200;
/** Stages whose clocks are explained on the page without being asked for. */
const CLOCKS = 5;
/** How long a page waits for its picture. */
const PICTURE_MS = 1500;

export interface View {
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

export async function load(c: Web, id: string): Promise<View> {
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
