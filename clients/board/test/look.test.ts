/** How pages look: on a phone, on a wide screen, on paper; no word is broken, and nothing is cut off. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { accessible, eventually, LOAN, until, world, type World } from "./_harness.js";

let w: World;
let ticket: string;

before(async () => {
  w = await world("look");
  await w.sql("SELECT oms.set_owner('SBA_Team', 'group', members => '{ann,bob}'), oms.set_owner('Treasury_Bot', 'group', members => '{ann}'), oms.set_owner('Inspection_Department', 'group', members => '{ann}')");
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
  await w.sql("SELECT oms.create_workflow($1)", [{
    name: "FoodInspection", prefix: "FI", owner: "Health_Desk",
    stages: [
      { id: "decision", owner: "SBA_Team", label: "Decision by a loan officer", slaMins: 10 },
      { id: "pay", owner: "Treasury_Bot", label: "Payment", slaMins: 20 }, { id: "visit", owner: "Inspection_Department", slaMins: 5000 },
    ],
  }]);
  for (let i = 0; i < 8; i++) await w.sql("SELECT oms.open_ticket('DisasterLoan', $1, applicant => 'Maximilian Featherstonehaugh')", [{ amount: 60000 + i }]);
  // Long ago, so that lengths of time have two units.
  await w.sql("SET oms.now = '2026-10-01 08:00+00'");
  ticket = await w.one("SELECT oms.open_ticket('FoodInspection', $1, applicant => 'Maximilian Featherstonehaugh')::text", [{ amount: 5 }]);
  await w.sql("SELECT oms.claim_stage($1, 'decision', 'ann')", [ticket]);
  await w.sql("SET oms.now = '2026-10-08 20:59+00'");
  await w.sql("SELECT oms.stage_done($1, 'pay', '{\"amount\": 123456789}')", [ticket]);
  await w.sql("SELECT oms.comment($1, 'Waits for Inspection_Department'), oms.attach($1, 'plan.pdf', 'https://files.example/plan.pdf', repeat('0a', 32))", [ticket]);
  await w.sql("RESET oms.now");
});
after(() => w.end());

const PAGES = () => ["/", "/inbox", `/tickets/${ticket}`, "/reports", "/reports/sla", "/reports/bottlenecks", "/reports/queue", "/reports/aging", "/reports/at-risk?within=week", "/finished?period=all", "/workflows"];

/** Words that stand on two lines, and numbers with their units that do, such as "7 days 13 h". */
const broken = (page: Page) =>
  page.evaluate<string[]>(`(() => {
    const found = [];
    const walk = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      if (node.parentElement.closest("svg, pre, code, option, .only-read, .digest")) continue;
      for (const { 0: word, index } of node.nodeValue.matchAll(/\\d[\\d,.]* (%|min|h|days?)( \\d+ (min|h))?(?= |$)|\\S+/g)) {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        if (new Set([...range.getClientRects()].filter((r) => r.width > 0).map((r) => Math.round(r.top))).size > 1) found.push(word);
      }
    }
    return found;
  })()`);

/** Tables that are wider than their place, and cells that show less than they say. */
const cutOff = (page: Page) =>
  page.evaluate<string[]>(`[...document.querySelectorAll(".table")].filter((t) => t.scrollWidth > t.clientWidth).map((t) => t.getAttribute("aria-label"))
    .concat([...document.querySelectorAll("main td, main th")].filter((c) => getComputedStyle(c).overflow !== "visible" && (c.scrollWidth > c.clientWidth + 1 || c.scrollHeight > c.clientHeight + 1)).map((c) => c.textContent))`);

/** Forms, and pages that are not of tables. */
const OTHERS = () => [
  ...["hold", "delegate", "release", "reassign", "escalate", "send-back", "assign", "done", "failed", "skip"].map((action) => `/tickets/${ticket}/${action}?stage=decision`),
  ...["comment", "hold", "cancel"].map((action) => `/tickets/${ticket}/${action}`),
  "/search?q=max", "/workflows/FoodInspection", "/workflows/FoodInspection/edit", "/workflows/new", "/due?period=all", "/track", "/sign-in", "/welcome",
];

test("on a wide screen no word is broken, no number is parted from its unit, and nothing is cut off", async () => {
  const people = [await w.open("ann"), await w.open("ada")] as const;
  const wrong: string[] = [];
  const look = async (page: Page, path: string, width: number) => {
    await page.setViewportSize({ width, height: 900 });
    // A long name may be broken in the narrow columns of the board there; numbers are not.
    wrong.push(...(await broken(page)).filter((word) => width > 1100 || path !== "/" || /^\d/.test(word)).map((word) => `${path} at ${width}: "${word}" is broken`));
    // These have more columns than there is room for on a tablet; they are moved sideways there.
    if (width > 1100 || !/^\/(finished|due|reports\/bottlenecks)/.test(path)) wrong.push(...(await cutOff(page)).map((what) => `${path} at ${width}: "${what}" is cut off`));
  };
  for (const path of [...PAGES(), ...OTHERS()]) {
    // Only ada may edit; ann has work in her inbox.
    const page = people[path.startsWith("/workflows") ? 1 : 0];
    const answer = await page.goto(path);
    assert.equal(answer?.status(), 200, path);
    await look(page, path, 1024);
    await look(page, path, 1440);
    // What a column is called stands above what is in it.
    wrong.push(...(await page.evaluate<string[]>(`[...document.querySelectorAll("main table:not(.heat-map)")].flatMap((t) => {
      const row = [...t.querySelectorAll("tbody tr")].find((r) => r.cells.length > 1 && [...r.cells].every((c) => c.colSpan === 1));
      const heads = [...(t.tHead?.rows[t.tHead.rows.length - 1].cells ?? [])];
      return row === undefined || heads.length !== row.cells.length ? [] : heads.filter((h, i) => (getComputedStyle(h).textAlign === "right") !== (getComputedStyle(row.cells[i]).textAlign === "right")).map((h) => h.textContent);
    })`)).map((head) => `${path}: "${head}" is at the other side of its column`));
  }
  assert.deepEqual(wrong, []);
});

test("on a phone tables are cards, nothing is broken or cut off, and filters are folded", async () => {
  const page = await w.open("ann", "/", { viewport: { width: 390, height: 800 }, hasTouch: true });
  const wrong: string[] = [];
  for (const path of [...PAGES(), ...OTHERS()]) {
    await page.goto(path);
    for (const width of [360, 390, 640]) {
      await page.setViewportSize({ width, height: 800 });
      wrong.push(...(await broken(page)).map((word) => `${path} at ${width}: "${word}" is broken`), ...(await cutOff(page)).map((what) => `${path} at ${width}: "${what}" is cut off`));
      await until(`${path} fits at ${width}`, () => page.evaluate<boolean>("document.documentElement.scrollWidth <= window.innerWidth"));
    }
    if (["/", "/inbox", `/tickets/${ticket}`, "/reports/sla"].includes(path)) await accessible(page);
  }
  assert.deepEqual(wrong, []);
  await page.setViewportSize({ width: 390, height: 800 });
  await page.goto("/inbox");
  const card = page.locator(`tr[data-ticket='${ticket}']`).first();
  for (const part of [card.locator(".status"), card.locator(".clock"), card.locator(".offers").first()]) {
    const box = await part.boundingBox();
    assert.ok(box !== null && box.x >= 0 && box.x + box.width <= 390, "status, clock and actions are on the screen");
  }
  assert.match(await page.evaluate("getComputedStyle(document.querySelector('tbody td:nth-of-type(4)'), '::before').content"), /Owner/);
  await page.goto("/reports/queue");
  assert.match(await page.evaluate("getComputedStyle(document.querySelector('tbody td'), '::before').content"), /Queued/);
  await page.goto("/");
  const filters = page.getByLabel("Workflow");
  assert.equal(await filters.isVisible(), false);
  await page.locator("summary").filter({ hasText: "Filters" }).click();
  await filters.selectOption("FoodInspection");
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForURL("**/?*");
  await page.getByText("Filters (in use)").waitFor();
  assert.equal(await page.locator("tr[data-ticket]").count(), 2);
  for (const path of ["/reports/sla", "/finished"]) {
    await page.goto(path);
    assert.equal(await page.getByLabel("Workflow", { exact: true }).isVisible(), false, path);
  }
});

test("on a phone each line of a card has a name of its own, and the labels of charts have room", async () => {
  const page = await w.open("ann", "/", { viewport: { width: 390, height: 800 }, hasTouch: true });
  for (const path of ["/reports/sla?period=all", "/reports/bottlenecks?period=all"]) {
    await page.goto(path);
    const names = await page.evaluate<string[]>("[...document.querySelector('table.cards tbody tr').cells].flatMap((cell) => cell.dataset.label ?? [])");
    assert.ok(names.length > 5);
    assert.deepEqual(names.filter((name, i) => names.indexOf(name) !== i), [], path);
    const cut = await page.evaluate<string[]>(`(async () => {
      const chart = () => Chart.getChart(document.querySelector("canvas[data-chart]"));
      for (let i = 0; i < 1000 && chart() === undefined; i++) await new Promise(requestAnimationFrame);
      const { x, y } = chart().scales;
      const draw = document.createElement("canvas").getContext("2d");
      draw.font = "13px " + y.options.ticks.font.family;
      const width = (tick) => draw.measureText(tick.label).width;
      const crowded = x.ticks.reduce((all, tick) => all + width(tick), 0) > x.width;
      return [...y.ticks.filter((tick) => width(tick) > y.width).map((tick) => tick.label), ...(crowded ? x.ticks.map((tick) => tick.label) : [])];
    })()`);
    assert.deepEqual(cut, [], path);
  }
});

test("what may be looked for is said in full, whatever the width", async () => {
  const page = await w.open("ann", "/");
  for (const width of [360, 390, 1024, 1280, 1440]) {
    await page.setViewportSize({ width, height: 800 });
    // As if it had been typed: so the sign that clears the box takes its room, too.
    const [text, room] = await page.evaluate<[number, number]>(`(() => {
      const input = document.querySelector(".find input[type=search]");
      input.value = input.placeholder;
      return [input.scrollWidth, input.clientWidth];
    })()`);
    assert.ok(text <= room, `${width}: ${text} in ${room}`);
  }
});

test("on paper nothing is wider than the page, upright or lying, and no word or number is broken", async () => {
  const page = await w.open("ann", "/");
  await page.emulateMedia({ media: "print" });
  for (const width of [718, 1047]) {
    await page.setViewportSize({ width, height: 1000 });
    for (const path of [...PAGES(), "/reports/heat-map?by=weekday", "/reports/heat-map?by=stage"]) {
      await page.goto(path);
      // A chart takes the width of its place again.
      const over = () => page.evaluate<string[]>(`[...document.querySelectorAll("main *")].filter((e) => !e.closest(".only-read, svg") && e.getBoundingClientRect().right > ${width + 1}).map((e) => e.outerHTML.slice(0, 80))`);
      assert.deepEqual([path, width, await broken(page)], [path, width, []]);
      await eventually(async () => [path, await over(), await page.evaluate(`document.documentElement.scrollWidth <= ${width + 1}`)], [path, [], true]);
    }
  }
});

test("what is said on pages are the usual words", async () => {
  const page = await w.open(undefined, "/sign-in");
  await page.getByLabel("User name", { exact: true }).waitFor();
  await page.goto("/track");
  await page.getByRole("heading", { name: "Track your application" }).waitFor();
  const staff = await w.open("ann", `/tickets/${ticket}/comment`);
  await staff.getByRole("link", { name: "Cancel", exact: true }).waitFor();
  await staff.goto("/reports/sla");
  await staff.getByLabel("To (inclusive)").waitFor();
  await staff.goto(`/tickets/${ticket}`);
  await staff.getByRole("columnheader", { name: "Elapsed time" }).first().waitFor();
});
