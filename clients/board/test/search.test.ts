/** The box that finds tickets: open and closed ones, by number, digits, applicant and tracking number, by index alone. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { byApplicant } from "../src/search.js";
import { accessible, HOSTILE, harmless, leads, LOAN, world, type World } from "./_harness.js";

let w: World;
let page: Page;
let open: string;
let closed: string;
let archived: string;

const openTicket = (applicant: string) => w.one("SELECT oms.open_ticket('Permit', applicant => $1)::text", [applicant]);
async function search(text: string) {
  await page.getByLabel("Find a ticket").fill(text);
  await leads(page, () => page.getByRole("button", { name: "Find" }).click());
}
const at = (path: string) => page.waitForURL((url) => url.pathname === path);
const found = () => page.locator("main tbody tr th").allInnerTexts();

before(async () => {
  w = await world("search");
  await w.sql("SELECT oms.set_owner('Permit_Desk', 'group', members => '{ann,bob}')");
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Permit", prefix: "PM", stages: [{ id: "review", owner: "Permit_Desk" }] }]);
  archived = await openTicket("Petra Longago");
  await w.sql("SELECT oms.hold($1, 'review', 'the plan is missing')", [archived]);
  await w.sql("SELECT oms.attach($1, 'plan.pdf', 'https://files.example/plan.pdf', repeat('0a', 32))", [archived]);
  await w.sql("SELECT oms.comment($1, repeat('what she said ', 200))", [archived]);
  await w.sql("SELECT oms.resume($1, 'review'), oms.claim_stage($1, 'review', 'bob')", [archived]);
  await w.sql("SELECT oms.stage_done($1, 'review', '{\"area\": 120}')", [archived]);
  assert.equal(await w.one("SELECT oms.archive('infinity')"), 1);
  open = await openTicket("Maximilian Featherstonehaugh");
  closed = await openTicket("Kim Okonkwo-Smith");
  await w.sql("SELECT oms.stage_done($1, 'review')", [closed]);
  page = await w.open("ann");
});
after(() => w.end());

test("a number leads to its ticket, whatever it is, however it is written", async () => {
  const [, year, digits] = closed.split("-") as [string, string, string];
  for (const text of [closed, closed.toLowerCase(), `PM ${Number(digits)}`, `${year}-${digits}`, String(Number(digits)), ` ${digits} `]) {
    await page.goto("/reports");
    await search(text);
    await at(`/tickets/${closed}`);
  }
  await page.goto("/");
  await search("PM-1999-00001");
  await page.getByText("No ticket matches").waitFor();
  await accessible(page);
});

test("an applicant is found by parts of the name, whether the ticket is open or closed", async () => {
  const odd = await openTicket("Zoë O'Hara/2026-4711 <zoe_oh@example.org>");
  const parts = [
    ["Maximilian Feather", open], ["maximilian", open], ["featherst", open], ["KIM OKONKWO", closed], ["kim o", closed], ["okon", closed], ["Smith, Kim", closed], ["okonkwo-smith", closed],
    ["zoë", odd], ["O'Hara", odd], ["hara 4711", odd], ["2026-4711", odd], ["zoe_oh@example.org", odd], ["oh@exam", odd],
  ] as const;
  for (const [text, ticket] of parts) {
    await search(text);
    await at(`/tickets/${ticket}`);
  }
  // No pattern: signs stand for themselves.
  for (const text of ["%", "_axim*", "\\", "'", "' | 'imkim':*", "!imkim", "kim <-> okonkwo <2> smith", "'; SELECT 1 --", HOSTILE]) {
    await search(text);
    await page.getByText("No ticket matches").waitFor();
    assert.deepEqual(await found(), [], text);
    await harmless(page);
  }
});

test("several are listed, people and owners are offered as well", async () => {
  const more = await openTicket("Maxine Hall");
  await search("Max");
  await at("/search");
  assert.deepEqual(await found(), [more, open]);
  await accessible(page);
  await search("ermit");
  await page.getByRole("link", { name: "Permit_Desk" }).click();
  await page.waitForURL("**/?owner=Permit_Desk");
  await search("bob");
  await page.getByRole("link", { name: "bob", exact: true }).click();
  await page.waitForURL("**/?worker=bob");
});

test("a pasted tracking number leads to its ticket, and stands in no address", async () => {
  const tracking = await w.one("SELECT oms.tracking_number($1)", [open]);
  const seen: string[] = [];
  page.on("request", (request) => seen.push(request.url()));
  await search(` ${tracking.toLowerCase()}\u200B `);
  await at(`/tickets/${open}`);
  await w.sql("SELECT oms.rotate_tracking_number($1)", [open]);
  await search(tracking);
  await page.getByText("No ticket has this tracking number.").waitFor();
  assert.equal(await page.getByLabel("Find a ticket").inputValue(), "");
  await page.getByRole("link", { name: `Look for ${open}` }).click();
  await at(`/tickets/${open}`);
  const suffix = tracking.split("-").at(-1) ?? "";
  assert.deepEqual(seen.filter((url) => url.toUpperCase().includes(suffix)), []);
  page.removeAllListeners("request");
});

test("archived tickets are found, and have a page to be read only", async () => {
  await openTicket("Petra Newcome");
  await search("Petra");
  await page.locator("tr", { hasText: archived }).getByText("archived").waitFor();
  await page.getByRole("link", { name: archived }).click();
  await at(`/tickets/${archived}`);
  await page.getByText("archived, to be read only").waitFor();
  await page.locator("dl.facts").getByText("Petra Longago").waitFor();
  const line = (what: string) => page.locator("table.timeline tbody tr").filter({ has: page.locator("th", { hasText: what }) });
  for (const what of ["opened", "in progress", "ticket done"]) await line(what).waitFor();
  await line("on hold").getByText("the plan is missing").waitFor();
  await line("attached").getByRole("link", { name: "plan.pdf" }).waitFor();
  await page.locator("table.stages tbody tr").getByText("by bob").waitFor();
  await page.locator("table.stages").getByText("Output").click();
  await page.locator("table.stages").getByText('"area": 120').waitFor();
  await page.locator("#clock-head").waitFor();
  await accessible(page);
  // Nothing that would change it.
  assert.deepEqual(await page.locator("main").locator("form, .offers a, .offers button").allInnerTexts(), []);
  await line("comment").getByRole("link", { name: "Read all of it" }).click();
  await page.getByRole("heading", { name: `Note of ${archived}` }).waitFor();
  for (const action of ["comment", "reopen?stage=review"]) {
    await page.goto(`/tickets/${archived}/${action}`);
    await page.getByText(`${archived} is archived.`).waitFor();
  }
  // One alone is led to, as any other.
  await search("Petra Longago");
  await at(`/tickets/${archived}`);
});

test("who may see no ticket has no box and finds nothing", async () => {
  const cookie = await w.cookie("mia");
  const reports = await (await fetch(`${w.url}/reports`, { headers: { cookie } })).text();
  assert.doesNotMatch(reports, /Find a ticket/);
  assert.equal((await fetch(`${w.url}/search?q=Kim`, { headers: { cookie } })).status, 403);
});

const MANY = "SELECT oms.open_ticket('Permit', applicant => 'person ' || n || ' ' || md5(n::text)) FROM generate_series(1, 3000) AS n";

test("no search reads all tickets; with an index of trigrams any part of a name is enough", async () => {
  await w.sql(MANY);
  await w.sql("ANALYZE oms.ticket_state");
  const plan = async (text: string, anyPart: boolean) => {
    const { sql, value } = byApplicant(text, anyPart);
    return (await w.sql<{ "QUERY PLAN": string }>(`EXPLAIN ${sql}`, [value])).map((line) => line["QUERY PLAN"]).join("\n");
  };
  const begins = await plan("maximilian", false);
  assert.match(begins, /ticket_state_words/);
  assert.doesNotMatch(begins, /Seq Scan on ticket_state t/);
  await search("stonehaugh");
  await page.getByText("No ticket matches").waitFor();
  await page.getByText("Applicants are found by how words of their names begin.").waitFor();
  await w.sql("CREATE EXTENSION pg_trgm");
  await w.sql("CREATE INDEX ticket_state_applicant_part ON oms.ticket_state USING gin (applicant gin_trgm_ops)");
  await w.sql("CREATE INDEX ticket_state_archive_applicant_part ON oms.ticket_state_archive USING gin (applicant gin_trgm_ops)");
  await w.sql("ANALYZE oms.ticket_state");
  const part = await plan("stonehaugh", true);
  assert.match(part, /ticket_state_applicant_part/);
  assert.doesNotMatch(part, /Seq Scan on ticket_state t/);
  await search("stoneHAUGH");
  await at(`/tickets/${open}`);
});
