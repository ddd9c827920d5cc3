/** The pages of the reports, the lists behind their figures, and both for other programs. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { csv } from "../src/export.js";
import { weeksBetween } from "../src/reports/heatmap.js";
import { accessible, eventually, HOSTILE, harmless, LOAN, picture, until, world, type World } from "./_harness.js";
import { asJson, FORMULA, get, HISTORY, json, OWNER, PAGES, PERIOD, PERMIT } from "./_reports.js";

/** By RFC 4180: records end with CR LF, fields may be quoted. */
function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  let rest = text;
  let record: string[] = [];
  while (rest !== "") {
    const found = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/.exec(rest);
    assert.ok(found, `not CSV: ${rest.slice(0, 80)}`);
    record.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? "");
    if (found[3] === "\r\n") {
      records.push(record);
      record = [];
    }
    rest = rest.slice(found[0].length);
  }
  assert.deepEqual(record, []);
  return records;
}

test("CSV is quoted as RFC 4180 says, and text that begins like a formula is none", () => {
  const text = csv(["a", "b"], [{ a: 'x,"y"\r\nz', b: -1.5 }, { a: "=1+1", b: null }, { a: "+1", b: "-1" }, { a: "@x", b: "\tx" }, { a: " =1", b: new Date(0) }]);
  assert.equal(text, `\uFEFFa,b\r\n"x,""y""\r\nz",-1.5\r\n'=1+1,\r\n'+1,'-1\r\n'@x,'\tx\r\n"' =1",1970-01-01T00:00:00.000Z\r\n`.replace(`"' =1"`, "' =1"));
  assert.deepEqual(parseCsv(text)[1], ['x,"y"\r\nz', "-1.5"]);
});

test("the weeks between two are all there, over the end of a year with 53", () => {
  assert.deepEqual(weeksBetween(["2027-W02", "2026-W52"]), ["2026-W52", "2026-W53", "2027-W01", "2027-W02"]);
  assert.deepEqual(weeksBetween(["2025-W01", "2024-W52"]), ["2024-W52", "2025-W01"]);
  assert.deepEqual(weeksBetween([]), []);
});

describe("the pages", () => {
  let w: World;
  let ann: string;
  before(async () => {
    w = await world("reports");
    await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
    await w.sql("SELECT oms.create_workflow($1)", [PERMIT]);
  });
  after(() => w.end());

  test("without any ticket every page says so", async () => {
    const page = await w.open("ann", "/reports");
    for (const path of [...PAGES, "/finished", "/due"]) {
      assert.equal((await page.goto(path))?.status(), 200, path);
      assert.equal(await page.locator("h1").count(), 1);
    }
    await accessible(page);
    await w.sql(HISTORY);
    ann = await w.cookie("ann");
  });

  test("heat-maps are whole on the screen: tables on a wide one, tiles on a phone", async () => {
    const page = await w.open("ann", "/reports");
    for (const by of ["stage", "weekday", "owner"]) {
      await page.goto(`/reports/heat-map?${PERIOD}&by=${by}`);
      for (const width of [360, 390, 640, 1440]) {
        await page.setViewportSize({ width, height: 900 });
        const off = await page.evaluate<string[]>(`[...document.querySelectorAll("main .table, .heat-map *")]
          .filter((e) => !e.closest(".only-read, thead") && (e.getBoundingClientRect().right > ${width} + 0.5 || e.getBoundingClientRect().left < 0 || getComputedStyle(e).display !== "inline" && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)))
          .map((e) => e.outerHTML.slice(0, 100))`);
        assert.deepEqual(off, [], `${by} at ${width}`);
        assert.equal(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), true);
      }
      await page.setViewportSize({ width: 390, height: 900 });
      const first = page.locator("td.heat a").first();
      const column = await page.evaluate(`getComputedStyle(document.querySelector("td.heat[data-label]"), "::before").content`);
      assert.match(String(column), by === "weekday" ? /^"[A-Z][a-z]+day"$/ : /^"\d{4}-W\d\d"$/);
      await accessible(page);
      await first.click();
      await page.waitForURL("**/finished?*");
    }
  });

  const WEEK = "from=2025-10-20&to=2025-10-24";
  test("nobody is kept out by sight, keyboard, or a hostile name", async () => {
    const page = await w.open("ann", "/reports");
    for (const path of [
      `/reports?${WEEK}`, `/reports/sla?${WEEK}`, `/reports/heat-map?${PERIOD}`, `/reports/heat-map?${WEEK}&by=weekday`, `/reports/heat-map?${WEEK}&by=owner`,
      `/reports/bottlenecks?${WEEK}`, "/reports/queue", "/reports/aging", "/reports/at-risk?within=week", `/finished?${WEEK}&stage=review`, `/due?${WEEK}&stage=review`,
      `/finished?owner=${encodeURIComponent(OWNER)}&from=2025-11-06`, "/?stage=review&age_from=3&age_to=30",
    ]) {
      await page.goto(path);
      await accessible(page);
      await harmless(page);
      const name = new URL(path, w.url);
      await picture(page, `${name.pathname.slice(1).replaceAll("/", "-")}${name.searchParams.has("by") ? `-${name.searchParams.get("by") ?? ""}` : ""}`, true);
    }
    await page.goto(`/reports/heat-map?${PERIOD}&by=owner`);
    assert.equal(await page.locator("tbody th", { hasText: "HYPERLINK" }).innerText(), FORMULA);
  });

  test("no table is wider than its place, on a phone or on a wide screen", async () => {
    const page = await w.open("ann", "/reports", { viewport: { width: 390, height: 800 } });
    const wide: string[] = [];
    for (const path of PAGES) {
      await page.goto(path);
      for (const width of [390, 1440]) {
        await page.setViewportSize({ width, height: 800 });
        // A chart takes the width of its place again.
        await until(`${path} fits at ${width}`, () => page.evaluate<boolean>("document.documentElement.scrollWidth <= window.innerWidth"));
        // A heat-map of all weeks that there are is as long as they are.
        if (width === 390 || !path.includes("period=all")) wide.push(...(await page.evaluate<string[]>("[...document.querySelectorAll('.table')].filter((t) => t.scrollWidth > t.clientWidth).map((t) => t.getAttribute('aria-label'))")).map((what) => `${path} at ${width}: ${what}`));
      }
    }
    assert.deepEqual(wide, []);
    await page.setViewportSize({ width: 390, height: 800 });
    await picture(page, "reports-phone");
  });

  test("charts are drawn with patterns in a place that they have before, light, dark and on paper", async () => {
    const page = await w.open("ann", "/reports");
    const inks = `(() => {
      const canvas = document.querySelector("canvas[data-chart]");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set();
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) seen.add([data[i], data[i + 1], data[i + 2]].join());
      return [...seen];
    })()`;
    for (const path of [`/reports?${PERIOD}`, `/reports/sla?${PERIOD}`, `/reports/bottlenecks?${PERIOD}`, "/reports/queue", "/reports/aging"]) {
      await page.route("**/assets/charts.js", (route) => route.abort());
      await page.goto(path);
      const place = await page.locator(".chart").first().boundingBox();
      await page.unroute("**/assets/charts.js");
      await page.goto(path);
      const label = (await page.locator("canvas[role=img]").getAttribute("aria-label")) ?? "";
      assert.match(label, /^Stacked bars: .*The table on this page/, path);
      const shown = async () => (await page.evaluate<string[]>(inks)).sort().join(" ");
      await until(`${path} is drawn`, async () => (await shown()).split(" ").length > 4);
      const light = await shown();
      await eventually(() => page.locator(".chart").first().boundingBox(), place);
      await page.emulateMedia({ colorScheme: "dark" });
      await until("the chart is dark", async () => (await shown()) !== light);
      await page.emulateMedia({ media: "print", colorScheme: "light" });
      await until("the chart is of greys only", async () => (await shown()).split(" ").every((ink) => new Set(ink.split(",")).size === 1));
      await page.emulateMedia({ media: null, colorScheme: null });
    }
  });

  test("a period is chosen by days or by name, and stays from one report to the next", async () => {
    const page = await w.open("ann", "/reports");
    const today = await w.one("SELECT now()::date::text");
    assert.equal(await page.getByLabel("To (inclusive)").inputValue(), today);
    assert.equal(await page.getByRole("link", { name: "Last 30 days" }).getAttribute("aria-current"), "true");
    await page.getByLabel("From").fill("2025-10-20");
    await page.getByLabel("To (inclusive)").fill("2025-10-26");
    await page.getByLabel("Workflow", { exact: true }).selectOption("Permit");
    await page.getByRole("button", { name: "Show" }).click();
    await page.waitForURL("**/reports?from=2025-10-20&to=2025-10-26&workflow=Permit");
    await page.getByRole("navigation", { name: "Reports" }).getByRole("link", { name: "Heat-map" }).click();
    await page.waitForURL("**/reports/heat-map?from=2025-10-20&to=2025-10-26&workflow=Permit");
    assert.deepEqual(await page.locator("thead th[scope=col]").allInnerTexts().then((all) => all.map((t) => t.split(/\s/)[0])), ["Stage", "2025-W43"]);
    await page.getByRole("link", { name: "Weekday and hour" }).click();
    await page.waitForURL("**by=weekday");
    await page.getByText("about all workflows together").waitFor();
    await page.getByRole("link", { name: "Since the beginning" }).click();
    await page.waitForURL("**/reports/heat-map?period=all&workflow=Permit&by=weekday");
    // The first day in the form is in it, and the last one; the wrong way round is meant the right way round.
    const count = (path: string) => json(w, ann, path).then((a) => a.rows.length);
    const expected = Number(await w.one("SELECT count(*) FROM oms.finished_stage WHERE finished_at >= '2025-10-20' AND finished_at < '2025-10-22'"));
    assert.ok(expected > 0);
    assert.equal(await count("/finished.json?from=2025-10-20&to=2025-10-21"), expected);
    assert.equal(await count("/finished.json?from=2025-10-21&to=2025-10-20"), expected);
    for (const wrong of ["/reports?from=yesterday", "/reports?from=2025-02-30", "/reports?period=8", "/reports/heat-map?by=moon", "/reports/at-risk?within=1", "/finished?verdict=x", "/finished?week=2025-W99", "/finished?hour=24", "/finished?weekday=Mo", "/finished?after=x", "/due?after=x%20y%20z%201", "/?age_from=x", "/?clock=x"])
      assert.ok([400, 422].includes((await get(w, ann, wrong)).status), wrong);
    assert.equal((await get(w, ann, "/reports/nothing.csv")).status, 404);
  });

  test("pages of a list follow each other without a gap or a double", async () => {
    const page = await w.open("ann", `/finished?${PERIOD}&workflow=DisasterLoan`);
    for (const [path, sql] of [
      [`/finished?${PERIOD}&workflow=DisasterLoan`, "SELECT ticket_id::text AS id FROM oms.finished_stage WHERE workflow = 'DisasterLoan' AND finished_at >= '2025-10-16' AND finished_at < '2025-11-07' ORDER BY finished_at DESC, ticket_id DESC, stage_no DESC, cycle DESC"],
      ["/due?verdict=breached", `SELECT ticket_id::text AS id FROM (SELECT due_at, ticket_id, stage_no, cycle FROM oms.finished_stage WHERE breached
          UNION ALL SELECT due_at, ticket_id, stage_no, 0 FROM oms.open_stage WHERE overdue) AS d WHERE due_at IS NOT NULL ORDER BY due_at DESC, ticket_id DESC, stage_no DESC, cycle DESC`],
    ] as const) {
      const all = (await w.sql<{ id: string }>(sql)).map((r) => r.id);
      assert.ok(all.length > 100);
      const seen: string[] = [];
      await page.goto(path);
      for (;;) {
        seen.push(...(await page.locator("table.finished tbody th").allInnerTexts()));
        const next = page.getByRole("link", { name: "Next page" });
        if ((await next.count()) === 0) break;
        const from = page.url();
        await next.click();
        await page.waitForURL((at) => at.toString() !== from);
      }
      assert.deepEqual(seen, all, path);
    }
  });

  test("CSV and JSON say the same, and are of no harm in a spreadsheet", async () => {
    for (const path of [...PAGES.filter((p) => !p.startsWith("/reports?")), `/finished?${PERIOD}`, "/due?", "/tickets?", "/tickets?workflow=Permit&status=queued"]) {
      const { rows } = await json(w, ann, asJson(path));
      const answer = await get(w, ann, asJson(path).replace(".json", ".csv"));
      assert.match(answer.headers.get("content-type") ?? "", /^text\/csv; charset=utf-8/);
      assert.match(answer.headers.get("content-disposition") ?? "", /^attachment; filename="[\w-]+\.csv"$/);
      const [head = [], ...lines] = parseCsv(await answer.text());
      assert.equal(lines.length, rows.length, path);
      lines.forEach((line, i) => {
        const row = rows[i] ?? {};
        if (i === 0) assert.deepEqual(Object.keys(row), head, path);
        assert.equal(line.length, head.length, path);
        line.forEach((field, at) => {
          const name = head[at] ?? "";
          const value = row[name];
          // It is less the second time.
          if (name === "remaining_seconds") return;
          assert.equal(field.replace(/^'/, ""), value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value), path);
          if (typeof value === "string") assert.doesNotMatch(field, /^[=+\-@\t]/, path);
        });
      });
    }
    const text = await (await get(w, ann, "/tickets.csv?workflow=Permit")).text();
    assert.ok(text.includes(`"'=HYPERLINK(""http://example.org"",""x"")"`));
    assert.ok(text.includes(HOSTILE.replaceAll('"', '""')));
  });

  test("who may not see tickets sees figures without ways to them", async () => {
    const mia = await w.cookie("mia");
    const page = await w.open("mia", "/reports");
    for (const path of PAGES) {
      assert.equal((await page.goto(path))?.status(), 200, path);
      const links = await page.locator("main a").evaluateAll((all) => all.map((a) => a.getAttribute("href") ?? ""));
      assert.deepEqual(links.filter((href) => !href.startsWith("/reports")), [], path);
      if (!path.startsWith("/reports?") && !path.startsWith("/reports/at-risk")) {
        assert.equal((await get(w, mia, asJson(path))).status, 200);
        assert.ok((await page.locator("main td").allInnerTexts()).some((t) => /\d/.test(t)), path);
      }
    }
    // But stages have their names.
    await page.goto("/reports/sla?period=all");
    await page.locator("main td, main th").getByText("Identity check").first().waitFor();
    assert.equal(await page.getByText("id check", { exact: true }).count(), 0);
    for (const path of ["/finished", "/due", "/finished.csv", "/due.json", "/tickets.csv", "/tickets.json"]) {
      const answer = await get(w, mia, path);
      assert.equal(answer.status, 403, path);
      assert.doesNotMatch(await answer.text(), /PM-2|DL-2/);
    }
    for (const path of [...PAGES, ...PAGES.filter((p) => !p.startsWith("/reports?")).map((p) => asJson(p).replace(".json", ".csv")), "/finished", "/due", "/finished.json", "/tickets.csv"]) {
      const answer = await get(w, "", path);
      assert.ok(answer.status === 303 || answer.status === 401, path);
    }
  });

  test("a list that is too long for one answer says so", async () => {
    await w.sql("SELECT count(*) FROM oms.open_tickets('DisasterLoan', ARRAY(SELECT '{}'::jsonb FROM generate_series(1, 10001)))");
    const { rows, truncated } = await json(w, ann, "/tickets.json?stage=id_check&status=queued");
    assert.equal(truncated, true);
    assert.equal(rows.length, 10_000);
    const answer = await get(w, ann, "/tickets.csv?stage=id_check");
    assert.match(answer.headers.get("content-disposition") ?? "", /first-10000\.csv"$/);
    assert.equal(parseCsv(await answer.text()).length, 10_001);
    assert.match(await (await get(w, ann, "/?stage=id_check")).text(), /More than 10,000<\/strong>/);
  });
});
