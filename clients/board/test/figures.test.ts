/** Every figure of the reports leads to as many stages as it says, in zones that are not whole hours and where clocks change. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { LOAN, world, type World } from "./_harness.js";
import { asJson, get, HISTORY, json, PAGES, PERIOD, PERMIT } from "./_reports.js";

for (const zone of ["America/New_York", "Asia/Kolkata"])
  describe(zone, () => {
    let w: World;
    let ann: string;
    before(async () => {
      w = await world(`reports_${zone.split("/")[1]?.toLowerCase() ?? ""}`, { BOARD_TIMEZONE: zone });
      await w.sql(`SET TIME ZONE '${zone}'`);
      await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
      await w.sql("SELECT oms.create_workflow($1)", [PERMIT]);
      await w.sql(HISTORY);
      ann = await w.cookie("ann");
    });
    after(() => w.end());

    test("every figure leads to as many stages as it says", async () => {
      const page = await w.open("ann", "/reports");
      const kinds = new Map<string, number>();
      const seen = new Map<string, number>();
      for (const path of zone === "Asia/Kolkata" ? PAGES.filter((p) => p.includes("heat-map")) : PAGES) {
        await page.goto(path);
        const figures = await page.locator("main a.figure, main td.heat a").evaluateAll((links) =>
          links.map((a) => ({
            href: a.getAttribute("href") ?? "",
            said: a.getAttribute("title") ?? a.querySelector(".heat-n")?.textContent ?? a.textContent,
          })),
        );
        for (const { href, said } of figures) {
          const n = Number(/[\d,]+/.exec(said)?.[0].replaceAll(",", ""));
          assert.ok(n > 0, `${path}: ${href} says "${said}"`);
          if (seen.has(href)) {
            assert.equal(seen.get(href), n, `${path}: ${href}`);
            continue;
          }
          seen.set(href, n);
          const { rows, truncated } = await json(w, ann, asJson(href));
          assert.equal(truncated, false);
          assert.equal(rows.length, n, `${path}: ${href}`);
          const url = new URL(href, w.url);
          const kind = `${url.pathname}?${[...url.searchParams.keys()].filter((k) => !["from", "to", "period", "workflow"].includes(k)).sort().join("&")}`;
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
          // One of each kind: its page says the same.
          if (kinds.get(kind) !== 1) continue;
          const list = await (await get(w, ann, href)).text();
          const number = n.toLocaleString("en-US");
          assert.match(list, new RegExp(`<p class="matches"><strong>${number}</strong>`), href);
        }
      }
      if (zone === "Asia/Kolkata") return;
      const all = [...kinds.keys()];
      for (const kind of [
        "/finished?", "/finished?stage", "/finished?verdict", "/finished?stage&verdict", "/finished?stage&verdict&week", "/finished?owner&utc_week&verdict",
        "/finished?hour&verdict&weekday", "/finished?cycle", "/finished?cycle&stage", "/due?", "/due?stage", "/due?verdict", "/due?stage&verdict",
        "/?stage", "/?clock", "/?clock&stage", "/?owner&status", "/?clock&owner", "/?status", "/?age_from&age_to", "/?age_from&age_to&stage",
        "/?age_from&age_to&clock&stage", "/?age_from&stage&status",
      ])
        assert.ok(all.includes(kind), `${kind} is among ${all.join(" ")}`);
    });

    test("the figures are those of the reports of the extension", async () => {
      const period = "('2025-10-16'::date::timestamptz, '2025-11-07'::date::timestamptz";
      const sla = (await json(w, ann, `/reports/sla.json?${PERIOD}`)).rows;
      assert.deepEqual(
        sla,
        await w.sql(`SELECT workflow, stage, finished::float8, met::float8, breached::float8, completed_rate, due::float8, due_breached::float8, due_rate,
            open::float8, open_overdue::float8, open_rate, p50, p90, p99, extract(epoch from wait)::float8 AS wait_seconds,
            extract(epoch from work)::float8 AS work_seconds, extract(epoch from hold)::float8 AS hold_seconds,
            extract(epoch from rework)::float8 AS rework_seconds, reworked::float8, moved::float8 FROM oms.sla_report${period})`),
      );
      for (const name of ["finished", "met", "breached", "due", "due_breached", "open", "open_overdue", "hold_seconds", "rework_seconds", "reworked"])
        assert.ok(Number(sla[0]?.[name]) > 0, name);
      for (const by of ["stage", "weekday", "owner"]) {
        const { rows } = await json(w, ann, `/reports/heat-map.json?${PERIOD}&by=${by}`);
        assert.deepEqual(rows, await w.sql(`SELECT workflow, y, x, n::float8, value, p50, breach_rate, moved::float8 FROM oms.heat_map${period}, $1)`, [by]));
        assert.ok(rows.some((r) => Number(r["value"]) > 1), by);
        if (by === "weekday") assert.ok(rows.some((r) => Number(r["n"]) < 5 && r["value"] === null));
      }
    });

    test("the lists add up to the times of the reports", async () => {
      for (const row of (await json(w, ann, `/reports/bottlenecks.json?${PERIOD}`)).rows) {
        const where = `${PERIOD}&workflow=${encodeURIComponent(String(row["workflow"]))}&stage=${String(row["stage"])}`;
        const sum = (rows: Record<string, unknown>[], ...names: string[]) => rows.reduce((all, r) => all + names.reduce((s, n) => s + Number(r[n]), 0), 0);
        const first = (await json(w, ann, `/finished.json?${where}&cycle=first`)).rows;
        const later = (await json(w, ann, `/finished.json?${where}&cycle=later`)).rows;
        for (const name of ["wait_seconds", "work_seconds", "hold_seconds"]) assert.ok(Math.abs(sum(first, name) - Number(row[name])) < 0.01, `${where} ${name}`);
        assert.ok(Math.abs(sum(later, "wait_seconds", "work_seconds", "hold_seconds") - Number(row["rework_seconds"])) < 0.01, where);
        assert.equal(first.length + later.length, row["finished"]);
      }
    });

    test("the heat-map is a table with the figures in its cells, and signs where it is bad", async () => {
      const page = await w.open("ann");
      for (const by of ["stage", "weekday", "owner"]) {
        await page.goto(`/reports/heat-map?${PERIOD}&by=${by}`);
        const cells = await w.sql<{ n: string; value: number | null }>(
          "SELECT n, value FROM oms.heat_map('2025-10-16'::date::timestamptz, '2025-11-07'::date::timestamptz, $1)", [by],
        );
        const shown = await page.locator("table.heat-map td.heat a").evaluateAll((all) =>
          all.map((a) => ({ shade: a.parentElement?.className ?? "", text: a.textContent, value: a.querySelector(".heat-value")?.textContent ?? null })),
        );
        assert.equal(shown.length, cells.length, by);
        const few = shown.filter((s) => s.shade.includes("heat-few"));
        assert.equal(few.length, cells.filter((cell) => Number(cell.n) < 5).length);
        for (const { text, value } of few) assert.ok(value === null && !text.includes("%"), text);
        const bad = shown.filter((s) => s.shade.includes("heat-bad"));
        assert.equal(bad.length, cells.filter((cell) => cell.value !== null && cell.value > 1).length);
        for (const { value } of bad) assert.match(value ?? "", /%.*!.*over the limit/);
        for (const { shade, value } of shown) if (value !== null) assert.match(shade, /heat-[0-5]/);
        assert.equal(await page.locator("table.heat-map tbody tr:has(td) > th[scope=row]").count(), await page.locator("table.heat-map tbody tr:has(td)").count());
      }
    });

    test("what a moved clock made is told where it stands beside the real one", async () => {
      const page = await w.open("ann");
      const reports = ["/reports", "/reports/sla", "/reports/bottlenecks", "/reports/heat-map"];
      const shown = page.getByText(/finished stages were recorded under a moved clock/);
      for (const path of reports) {
        await page.goto(`${path}?${PERIOD}`);
        await page.getByRole("heading", { level: 1 }).waitFor();
        assert.equal(await shown.count(), 0, `${path}: all of it`);
      }
      await w.sql("SELECT oms.stage_done(oms.open_ticket('DisasterLoan', '{\"amount\": 80000}'), 'id_check')");
      const [all] = await w.sql("SELECT sum(finished)::text AS n, sum(finished) FILTER (WHERE moved) AS moved FROM (SELECT moved, count(*) AS finished FROM oms.finished_stage GROUP BY 1) AS f");
      for (const path of reports.slice(0, 3)) {
        await page.goto(`${path}?period=all`);
        assert.equal(await shown.innerText(), `${Number(all?.["moved"]).toLocaleString("en")} of the ${Number(all?.["n"]).toLocaleString("en")} finished stages were recorded under a moved clock.`, path);
      }
      await page.goto("/reports/heat-map?period=all");
      await shown.waitFor();
    });
  });
