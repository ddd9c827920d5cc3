/** The inbox: what the person has and may claim, live, and the way from claim to done. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { accessible, eventually, HOSTILE, harmless, picture, world, type World } from "./_harness.js";

let w: World;
const open = (applicant: string | null = null, priority = 0) => w.one("SELECT oms.open_ticket('Permit', '{}', applicant => $1, priority => $2)::text", [applicant, priority]);
const mine = (page: Page) => page.locator("[data-part=mine] tr[data-ticket]");
const free = (page: Page) => page.locator("[data-part=free] tr[data-ticket]");
const status = (ticket: string) => w.sql<{ status: string; worker: string | null }>("SELECT status, worker FROM oms.stage WHERE ticket_id = $1 AND stage = 'review'", [ticket]);

before(async () => {
  w = await world("inbox");
  await w.sql("SELECT oms.set_owner('Desk', 'group', members => '{ann,bob}')");
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Permit", prefix: "PM", stages: [{ id: "review", owner: "Desk", label: "Look at it", slaMins: 240 }, { id: "print", owner: "Printer", dependsOn: ["review"] }] }]);
});
after(() => w.end());

test("an empty inbox says so", async () => {
  const page = await w.open("ann", "/inbox");
  await page.getByText("You have nothing at hand.").waitFor();
  await page.getByText("Nothing waits for you.").waitFor();
  await accessible(page);
});

test("claim, done with an output, open the ticket, give it back", async () => {
  const [low, high] = [await open(), await open(null, 5)];
  const page = await w.open("ann", "/inbox");
  assert.deepEqual(await free(page).evaluateAll((all) => all.map((r) => r.getAttribute("data-ticket"))), [high, low]);
  await page.getByRole("button", { name: `Claim: Look at it of ${high}` }).click();
  await page.getByText("is yours now").waitFor();
  assert.equal(new URL(page.url()).pathname, "/inbox");
  assert.deepEqual({ ...(await status(high))[0] }, { status: "in_progress", worker: "ann" });
  await eventually(() => mine(page).count(), 1);
  assert.match(await mine(page).innerText(), /h left|hours left|59 min left|min left/);
  await accessible(page);
  await picture(page, "inbox");
  await page.getByRole("link", { name: `Done: Look at it of ${high}` }).click();
  await page.getByLabel("Output").fill('{"ok": true}');
  await page.locator("main form .buttons button").click();
  await page.getByText("is done").waitFor();
  assert.equal(new URL(page.url()).pathname, "/inbox");
  assert.equal((await status(high))[0]?.status, "done");
  assert.equal(await w.one("SELECT string_agg(actor || ' ' || status, ', ' ORDER BY seq) FROM oms.timeline WHERE ticket_id = $1 AND actor = 'ann'", [high]), "ann in_progress, ann done, ann queued");
  await page.getByRole("button", { name: `Claim: Look at it of ${low}` }).click();
  await page.getByText("is yours now").waitFor();
  await page.getByRole("link", { name: `Give it back: Look at it of ${low}` }).click();
  await page.getByLabel("Note").fill("later");
  await page.locator("main form .buttons button").click();
  await page.getByText("is in the queue again").waitFor();
  assert.equal((await status(low))[0]?.status, "queued");
  await page.getByRole("link", { name: low, exact: true }).click();
  await page.getByRole("heading", { name: `Ticket ${low}` }).waitFor();
});

test("new work is there at once, and other people's tickets are not", async () => {
  const page = await w.open("bob", "/inbox");
  await page.locator("#live[data-state=on]").waitFor();
  const before = await free(page).count();
  const ticket = await open();
  await page.locator(`[data-part=free] tr[data-ticket='${ticket}']`).waitFor();
  await eventually(() => free(page).count(), before + 1);
  // Somebody else's work is on nobody's page.
  await w.sql("SELECT oms.stage_done($1, 'review')", [ticket]);
  await page.locator(`[data-part=free] tr[data-ticket='${ticket}']`).waitFor({ state: "detached" });
  assert.equal(await page.getByText("Printer").count(), 0);
});

test("what somebody else has claimed goes by itself", async () => {
  const ticket = await open();
  // A first claim would be a change of the public status.
  await w.sql("SELECT oms.claim_stage($1, 'review', 'bob')", [ticket]);
  await w.sql("SELECT oms.release($1, 'review')", [ticket]);
  const page = await w.open("ann", "/inbox");
  await page.locator("#live[data-state=on]").waitFor();
  const line = page.locator(`[data-part=free] tr[data-ticket='${ticket}']`);
  await line.waitFor();
  await w.sql("SELECT oms.claim_stage($1, 'review', 'bob')", [ticket]);
  await line.waitFor({ state: "detached" });
});

test("somebody was faster: that is said, and the page shows it", async () => {
  const ticket = await open();
  const page = await w.open("ann", "/inbox");
  const button = page.getByRole("button", { name: `Claim: Look at it of ${ticket}` });
  // The click comes before the page has heard of it, also by an answer that was under way.
  await page.route("**/inbox/parts", (route) => route.abort());
  await page.reload();
  await button.waitFor();
  await w.sql("SELECT oms.claim_stage($1, 'review', 'bob')", [ticket]);
  await button.click();
  await page.locator(".message-error").getByText("Somebody was faster: bob has Look at it").waitFor();
  assert.equal((await status(ticket))[0]?.worker, "bob");
  await eventually(() => button.count(), 0);
});

test("from claim to done with the keyboard alone", async () => {
  const ticket = await open(null, 9);
  const page = await w.open("ann", "/inbox");
  const press = async (until: () => Promise<boolean>) => {
    for (let i = 0; i < 80; i++) {
      if (await until()) return;
      await page.keyboard.press("Tab");
    }
    throw new Error("the keyboard does not get there");
  };
  const at = (name: string) => async () => (await page.evaluate("document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent")) === name;
  await press(at(`Claim: Look at it of ${ticket}`));
  await page.keyboard.press("Enter");
  await page.getByText("is yours now").waitFor();
  await press(at(`Done: Look at it of ${ticket}`));
  await page.keyboard.press("Enter");
  await page.waitForURL("**/done?**");
  await press(async () => (await page.evaluate("document.activeElement.name")) === "output");
  await page.keyboard.press("Control+A");
  await page.keyboard.type('{"by": "keyboard"}');
  await page.keyboard.press("Tab");
  await eventually(() => page.evaluate("document.activeElement?.textContent"), "Done");
  await page.keyboard.press("Enter");
  await page.getByText("is done").waitFor();
  assert.equal(await w.one("SELECT output->>'by' FROM oms.stage WHERE ticket_id = $1 AND stage = 'review'", [ticket]), "keyboard");
});

test("hostile text stays text", async () => {
  const name = `<script>window.hacked=3</script>"'&#x3c;\u202Egnol`;
  await w.sql("SELECT oms.create_workflow($1)", [{ name, prefix: "BAD", stages: [{ id: name, owner: "Desk", label: "W".repeat(63) }] }]);
  const ticket = await w.one("SELECT oms.open_ticket($1, applicant => $2)::text", [name, HOSTILE]);
  const page = await w.open("ann", "/inbox");
  await page.locator(`tr[data-ticket='${ticket}'] button`).click();
  await page.getByText("is yours now").waitFor();
  await harmless(page);
  await eventually(() => page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), true);
  await accessible(page);
});
