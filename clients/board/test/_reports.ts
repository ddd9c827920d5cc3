/** An agency with a history, for the tests of the reports. */
import assert from "node:assert/strict";
import { HOSTILE, type World } from "./_harness.js";

export const FORMULA = `=HYPERLINK("http://example.org","x")`;
/** As long as an owner's name may be. */
export const OWNER = HOSTILE.slice(0, 36);
export const PERMIT = { name: "Permit", prefix: "PM", stages: [{ id: "review", owner: "Desk", slaMins: 600 }, { id: "archive", owner: "Archive", dependsOn: ["review"] }] };
/** The stages of the second version have other numbers, and one of them an owner to be careful with. */
const PERMIT_2 = { ...PERMIT, stages: [{ id: "intake", owner: FORMULA, slaMins: 90 }, { id: "review", owner: "Desk", slaMins: 600, dependsOn: ["intake"] }, { id: "archive", owner: OWNER, dependsOn: ["review"], label: HOSTILE }] };

/**
 * Four weeks around the night in which clocks in New York go back: what is in time and late, reworked, held, failed,
 * skipped, left open; a part of it rolled up. Then some that are open now.
 */
export const HISTORY = `DO $$
DECLARE t oms.ticket_id; began timestamptz; at timestamptz; st text; r float8; q float8;
BEGIN
  PERFORM setseed(0.42);
  FOR i IN 1..300 LOOP
    began := '2025-10-13 00:00+00'::timestamptz + i * interval '2 hours 14 minutes 7.123457 seconds';
    at := began;
    PERFORM set_config('oms.now', at::text, false);
    IF i = 150 THEN PERFORM oms.create_workflow('${JSON.stringify(PERMIT_2).replaceAll("'", "''")}'); PERFORM oms.roll_up(); END IF;
    IF i % 2 = 0 THEN t := oms.open_ticket('Permit'); ELSE t := oms.open_ticket('DisasterLoan', '{"amount": 80000}'); END IF;
    FOR step IN 1..9 LOOP
      SELECT s.stage INTO st FROM oms.open_stage AS s WHERE s.ticket_id = t;
      EXIT WHEN NOT FOUND;
      r := random(); q := random();
      EXIT WHEN q < 0.03;
      at := at + r * CASE st WHEN 'id_check' THEN interval '7 minutes' WHEN 'risk_ai' THEN interval '25 minutes' WHEN 'underwrite' THEN interval '5 hours'
        WHEN 'fund' THEN interval '55 minutes' WHEN 'intake' THEN interval '100 minutes' ELSE interval '15 hours' END;
      IF r > 0.4 THEN
        PERFORM set_config('oms.now', (at - interval '30 seconds')::text, false);
        IF q > 0.8 THEN
          PERFORM oms.hold(t, st, 'documents');
          PERFORM set_config('oms.now', (at - interval '10 seconds')::text, false);
          PERFORM oms.resume(t, st);
        END IF;
        PERFORM oms.claim_stage(t, st, 'w1');
      END IF;
      PERFORM set_config('oms.now', at::text, false);
      IF q > 0.97 THEN PERFORM oms.hold(t, st, 'documents'); EXIT; END IF;
      PERFORM oms.stage_done(t, st);
      IF q < 0.15 AND st IN ('risk_ai', 'intake') THEN
        SELECT s.stage INTO st FROM oms.open_stage AS s WHERE s.ticket_id = t;
        PERFORM oms.send_back(t, st, CASE st WHEN 'underwrite' THEN 'id_check' ELSE 'intake' END, 'again');
      END IF;
    END LOOP;
  END LOOP;
  -- Open now: of all ages, and due soon.
  FOR i IN 1..40 LOOP
    PERFORM set_config('oms.now', (now() - i * i * interval '35 minutes')::text, false);
    t := oms.open_ticket('Permit', applicant => CASE i WHEN 1 THEN '${HOSTILE.replaceAll("'", "''")}' WHEN 2 THEN '${FORMULA}' END);
    IF i % 3 = 0 THEN PERFORM oms.stage_done(t, 'intake'); END IF;
  END LOOP;
  PERFORM set_config('oms.now', '', false);
END $$`;
export const PERIOD = "from=2025-10-16&to=2025-11-06";

export const PAGES = [
  `/reports?${PERIOD}`, "/reports?period=all", `/reports/sla?${PERIOD}`, "/reports/sla?period=all", `/reports/sla?${PERIOD}&workflow=Permit`,
  ...["stage", "weekday", "owner"].map((by) => `/reports/heat-map?${PERIOD}&by=${by}`), "/reports/heat-map?period=all&by=stage",
  `/reports/heat-map?${PERIOD}&by=stage&workflow=Permit`, `/reports/bottlenecks?${PERIOD}`, "/reports/bottlenecks?period=all&workflow=DisasterLoan",
  "/reports/queue", "/reports/aging", "/reports/aging?workflow=Permit", ...["hour", "soon", "day", "week"].map((within) => `/reports/at-risk?within=${within}`),
];

export interface Answer {
  truncated: boolean;
  asked: Record<string, string>;
  rows: Record<string, unknown>[];
}

export async function get(w: World, cookie: string, path: string): Promise<Response> {
  return fetch(w.url + path, { headers: { cookie }, redirect: "manual" });
}
export async function json(w: World, cookie: string, path: string): Promise<Answer> {
  const answer = await get(w, cookie, path);
  assert.equal(answer.status, 200, path);
  return (await answer.json()) as Answer;
}
/** The list of a page as JSON. */
export const asJson = (href: string) => href.replace(/^\/(?=\?|$)/, "/tickets").replace(/(\?|$)/, ".json$1");
