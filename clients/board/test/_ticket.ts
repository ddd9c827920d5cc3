/** A board with workflows for the tests of tickets: what a person does on their pages, and what the database says of it. */
import type { Page } from "playwright-core";
import { LOAN, world, type World } from "./_harness.js";

export let w: World;
/** Where ann works. */
export let page: Page;

/** Stages one after the other, and two that somebody has to start. */
const GRAPH = {
  name: "Grant review", prefix: "GR", slaMins: 600,
  stages: [
    { id: "check", owner: "SBA_Team", label: "First check", slaMins: 60 },
    { id: "score", owner: "SBA_Team", slaMins: 240, dependsOn: ["check"], retry: { maxAttempts: 2 } },
    { id: "pay", owner: "Treasury", dependsOn: ["score"] },
    { id: "call", owner: "SBA_Team", manual: true },
    { id: "minutes", owner: "SBA_Team", manual: true, dependsOn: ["call"] },
  ],
};

export const open = (data: object = { amount: 80000 }) => w.one("SELECT oms.open_ticket('Grant review', $1)::text", [data]);
export const stage = async (ticket: string, id: string) =>
  (await w.sql<{ status: string; owner: string; worker: string | null; cycle: number; level: number; delegated_by: string | null; output: unknown }>(
    "SELECT status, owner, worker, cycle, level, delegated_by, output FROM oms.stage WHERE ticket_id = $1 AND stage = $2", [ticket, id]))[0];
export const last = async (ticket: string) =>
  (await w.sql<{ status: string; actor: string; worker: string | null; note: string | null; public: boolean; stage: string | null }>(
    "SELECT status, actor, worker, note, public, stage FROM oms.timeline WHERE ticket_id = $1 ORDER BY seq DESC LIMIT 1", [ticket]))[0];
export const events = async (ticket: string, status: string) =>
  w.sql<{ status: string; actor: string; stage: string; note: string | null }>("SELECT status, actor, stage, note FROM oms.timeline WHERE ticket_id = $1 AND status = $2 ORDER BY seq", [ticket, status]);
export const row = (of: Page, name: string) => of.locator("table.stages tbody tr").filter({ has: of.locator("th", { hasText: name }) });

/** Follows a link or button of a stage (or of the ticket), opening "More" where it is behind that. */
export async function choose(ticket: string, title: string, of?: string) {
  await page.goto(`/tickets/${ticket}`);
  if (of === undefined) {
    await page.getByRole("link", { name: title, exact: true }).click();
    return;
  }
  const line = row(page, of);
  const it = line.locator(".offers").getByText(title, { exact: true });
  if (!(await it.isVisible())) await line.locator("details.more > summary").click();
  await it.click();
}
export const send = (title: string) => page.locator("main form .buttons").getByRole("button", { name: title, exact: true }).click();
export const said = (text: string) => page.locator(".message-done").getByText(text).waitFor();

/** The board of a file of tests. */
export async function begin(name: string): Promise<void> {
  w = await world(name);
  await w.sql("SELECT oms.set_owner('SBA_Team', 'group', members => '{ann,bob}')");
  await w.sql("SELECT oms.set_owner('Backup', 'group')");
  await w.sql("SELECT oms.set_hold_reason('documents', true, 'applicant', 2, 'Please send the missing documents')");
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
  await w.sql("SELECT oms.create_workflow($1)", [GRAPH]);
  page = await w.open("ann");
}
