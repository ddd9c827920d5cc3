/** Workflows: the list, the pages, and the editor with problems, picture, diff and publishing. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { accessible, eventually, HOSTILE, harmless, LOAN, picture, world, type World } from "./_harness.js";

let w: World;
const pretty = (definition: object) => JSON.stringify(definition, null, 2);
const editor = (page: Page) => page.locator(".cm-content");
const state = (page: Page) => page.locator("#picture-state");
const newest = (name: string) => w.one<number>("SELECT max(version)::int FROM oms.workflow WHERE name = $1", [name]);

async function write(page: Page, text: string): Promise<void> {
  await editor(page).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(text);
}

/** The whole text of the editor, also what is out of sight. */
async function copy(page: Page): Promise<string | undefined> {
  // A script puts it there.
  return page.evaluate<string | undefined>("document.querySelector('.editor')?.shadowRoot?.querySelector('.cm-content')?.cmTile.root.view.state.doc.toString()");
}

async function preview(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Check and look at the changes" }).click();
  await page.getByRole("heading", { level: 1, name: /^Publish/ }).waitFor();
}

before(async () => {
  w = await world("editor");
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Permit", prefix: "PM", stages: [{ id: "review", owner: "Desk" }] }]);
});
after(() => w.end());

test("staff see the workflows, their versions and pictures, and nothing to change them with", async () => {
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Looked", prefix: "LK", stages: [{ id: "a", owner: "Desk", slaMins: 5 }] }]);
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Looked", prefix: "LK", stages: [{ id: "a", owner: "Desk", slaMins: 7 }, { id: "b", owner: "Desk", dependsOn: ["a"] }] }]);
  const page = await w.open("ann", "/workflows");
  assert.match(await page.getByRole("row", { name: /Looked/ }).innerText(), /2\s+● in use\s+2/);
  await accessible(page);
  assert.equal(await page.getByRole("link", { name: "New workflow" }).count(), 0);
  await page.getByRole("link", { name: "Looked", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Looked" }).waitFor();
  await eventually(() => page.locator(".drawing svg text").allTextContents(), ["a", "Desk", "b", "Desk"]);
  assert.match(await page.locator("pre").innerText(), /"slaMins": 7/);
  const diff = page.getByRole("table").filter({ hasText: "From version 1 to 2" });
  await eventually(() => diff.locator("del, ins").allInnerTexts().then((all) => all.slice(0, 2).map((t) => t.trim())), ['"slaMins": 5', '"slaMins": 7']);
  await accessible(page);
  assert.equal(await page.locator("main form").count(), 0);
  await page.getByRole("link", { name: "Version 1", exact: true }).click();
  await page.getByText("○ replaced").first().waitFor();
  await eventually(() => page.locator(".drawing svg text").allTextContents(), ["a", "Desk"]);
  await page.context().close();
});

test("only administrators may edit, publish or retire, whatever is sent", async () => {
  for (const role of ["ann", "mia"]) {
    const cookie = await w.cookie(role);
    const csrf = /name="csrf" value="([^"]+)"/.exec(await (await fetch(`${w.url}/`, { headers: { cookie } })).text())?.[1] ?? "";
    assert.notEqual(csrf, "");
    for (const path of ["/workflows/new", "/workflows/DisasterLoan/edit"]) assert.equal((await fetch(w.url + path, { headers: { cookie } })).status, 403, `${role} ${path}`);
    for (const path of ["/workflows/new", "/workflows/DisasterLoan/edit", "/workflows/DisasterLoan/retire", "/workflows/DisasterLoan/bring-back", "/workflows/check", "/workflows/picture"]) {
      const answer = await fetch(w.url + path, {
        method: "POST", redirect: "manual", headers: { cookie, origin: w.url },
        body: new URLSearchParams({ csrf, step: "publish", base: "1", seen: "1", definition: JSON.stringify({ ...LOAN, description: "changed" }) }),
      });
      assert.equal(answer.status, 403, `${role} ${path}`);
    }
  }
  assert.equal((await fetch(`${w.url}/workflows`, { headers: { cookie: await w.cookie("mia") } })).status, 403);
  assert.equal(await newest("DisasterLoan"), 1);
  assert.equal(await w.one("SELECT retired_at FROM oms.workflow WHERE name = 'DisasterLoan'"), null);
});

test("the editor shows the definition and its picture, and passes the policy of the page", async () => {
  const page = await w.open("ada", "/workflows/DisasterLoan");
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await editor(page).waitFor();
  await state(page).filter({ hasText: "As the draft stands." }).waitFor();
  await eventually(() => page.locator("#picture text").allTextContents().then((all) => all.slice(0, 2)), ["Identity check (id_check)", "IRS_Bot"]);
  assert.match(await editor(page).innerText(), /"name": "DisasterLoan"/);
  // It is styled, although the policy allows no inline style: the lines are numbered beside the text.
  assert.equal(await page.evaluate("getComputedStyle(document.querySelector('.editor').shadowRoot.querySelector('.cm-scroller')).display"), "flex");
  const answer = await fetch(`${w.url}/workflows/DisasterLoan/edit`, { headers: { cookie: await w.cookie("ada") } });
  assert.match(answer.headers.get("content-security-policy") ?? "", /script-src 'self'; style-src 'self';/);
  await accessible(page);
  await picture(page, "editor");
  // Tab leaves the editor: nobody is caught in it.
  await editor(page).focus();
  await page.keyboard.press("Tab");
  await eventually(() => page.evaluate("document.activeElement?.textContent"), "Check and look at the changes");
  await page.context().close();
});

test("examples show beside the diagram whether they hold, and one that differs cannot be published", async () => {
  const page = await w.open("ada", "/workflows/DisasterLoan/edit");
  await state(page).filter({ hasText: "As the draft stands." }).waitFor();
  assert.equal(await page.locator("#examples").isVisible(), false);
  const examples = [
    { name: "small", data: { amount: 20000 }, path: ["id_check", "risk_ai", "fund"] },
    { name: HOSTILE, data: { amount: 50000 }, path: ["id_check", "risk_ai", "fund"] },
    { data: { amount: 60000 } },
  ];
  await write(page, pretty({ ...LOAN, examples }));
  const items = page.locator("#examples li");
  await eventually(() => items.allInnerTexts(), ["✓ small holds", `✗ ${HOSTILE} differs`, "✓ examples[2] holds"]);
  await page.locator("#problems li").filter({ hasText: "examples[1]" }).waitFor();
  assert.match(await page.locator("#problems li").innerText(), /goes \["id_check", "risk_ai", "underwrite", "fund"\].*\$\.examples\[1\]\.path/);
  // The workflow itself is good, so it is drawn.
  await state(page).filter({ hasText: "As the draft stands." }).waitFor();
  await accessible(page);
  await harmless(page);
  await page.getByRole("button", { name: "Check and look at the changes" }).click();
  await page.getByText("The draft cannot be published yet.").waitFor();
  // While the workflow itself is wrong, nothing can be said of its examples.
  await write(page, pretty({ ...LOAN, examples, colour: "red" }));
  await eventually(() => items.evaluateAll((all) => all.map((e) => (e as unknown as { dataset: { state: string } }).dataset.state)), ["not run", "not run", "not run"]);
  await page.context().close();
});

test("problems are shown where they are, in words and marks, and a link leads there", async () => {
  const page = await w.open("ada", "/workflows/DisasterLoan/edit");
  await state(page).filter({ hasText: "As the draft stands." }).waitFor();
  const before = await page.locator("#picture").innerHTML();
  const wrong = structuredClone(LOAN) as unknown as { stages: Record<string, unknown>[]; ownr?: string };
  Object.assign(wrong.stages[1] ?? {}, { dependsOn: ["id_chek"] });
  wrong.ownr = "x";
  const text = pretty(wrong);
  await write(page, text);
  const items = page.locator("#problems li");
  await items.filter({ hasText: "id_chek" }).waitFor();
  await eventually(() => page.locator("#problem-count").innerText(), "2 problems.");
  const line = text.slice(0, text.indexOf('"id_chek"')).split("\n").length;
  const column = text.indexOf('"id_chek"') - text.lastIndexOf("\n", text.indexOf('"id_chek"'));
  assert.match(await items.first().innerText(), new RegExp(`^Line ${line}, column ${column}: .*names the unknown stage "id_chek".*\\$\\.stages\\[1\\]\\.dependsOn\\[0\\].*"id_check"`));
  // The picture stays, and the page says that it is an old one.
  await eventually(() => state(page).innerText(), "The draft has problems. This is the last picture without any.");
  await eventually(() => page.locator("#picture").innerHTML(), before);
  await items.first().getByRole("link").click();
  await page.locator(".cm-lintRange-error").filter({ hasText: '"id_chek"' }).waitFor();
  await page.keyboard.insertText('"id_check"');
  await items.filter({ hasText: "ownr" }).waitFor();
  await eventually(() => items.count(), 1);
  await picture(page, "editor-problems");
  await accessible(page);
  // What is not even JSON.
  await write(page, '{"name": "x",\n  "stages": [}');
  await items.filter({ hasText: "Line 2, column 14" }).waitFor();
  await write(page, pretty(LOAN));
  await page.locator("#problem-count").filter({ hasText: "No problems known." }).waitFor();
  await eventually(() => items.count(), 0);
  await page.context().close();
});

test("the picture follows the text", async () => {
  const page = await w.open("ada", "/workflows/new");
  await state(page).filter({ hasText: "As the draft stands." }).waitFor();
  await write(page, pretty({ name: "Live", stages: [{ id: "only_one", owner: "Desk" }] }));
  await page.locator("#picture text").filter({ hasText: "only_one" }).waitFor();
  await write(page, pretty({ name: "Live", stages: [{ id: "only_one", owner: "Desk" }, { id: "second_one", owner: HOSTILE.slice(0, 60), manual: true }] }));
  await page.locator("#picture .manual text").filter({ hasText: "second_one" }).waitFor();
  await harmless(page);
  await page.context().close();
});

test("a change is looked at and published as the next version; tickets keep theirs", async () => {
  const ticket = await w.one("SELECT oms.open_ticket('Permit')::text");
  const page = await w.open("ada", "/workflows/Permit/edit");
  await write(page, '{"stages": [{"owner": "Desk", "id": "review", "slaMins": 30}, {"id": "sign", "dependsOn": ["review"], "owner": "Chief", "calendar": "nowhere"}], "name": "Permit", "prefix": "PM"}');
  await preview(page);
  await page.getByText("It becomes version 2.").waitFor();
  await page.getByText("This calendar does not exist yet: nowhere.").waitFor();
  const diff = page.getByRole("table");
  // The order of keys is no change.
  const changed = (tag: string) => page.locator(tag).allTextContents().then((all) => all.map((t) => t.trim()));
  await eventually(() => changed("del"), ['"owner": "Desk"']);
  assert.match(await diff.locator("tr.removed").innerText(), /^\d+\s+-\s*removed\s/);
  await eventually(() => changed("ins"), ['"owner": "Desk",', '"slaMins": 30', "},", "{", '"id": "sign",', '"owner": "Chief",', '"calendar": "nowhere",', '"dependsOn": ["review"]']);
  await eventually(() => page.locator(".drawing svg text").allTextContents(), ["review", "Desk", "sign", "Chief"]);
  await accessible(page);
  await picture(page, "editor-preview", true);
  assert.equal(await newest("Permit"), 1);
  await page.getByRole("button", { name: "Publish as version 2" }).click();
  await page.getByText("Version 2 of Permit is published.").waitFor();
  assert.equal(await newest("Permit"), 2);
  assert.equal(await w.one("SELECT created_by FROM oms.workflow WHERE name = 'Permit' AND version = 2"), "ada");
  assert.equal(await w.one("SELECT oms.get_ticket($1) ->> 'version'", [ticket]), "1");
  // Once more the same is nothing to publish, and no draft is left.
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await state(page).filter({ hasText: "As the draft stands." }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Bring it back" }).count(), 0);
  await preview(page);
  await page.getByText("there is nothing to publish").waitFor();
  assert.equal(await page.getByRole("button", { name: /Publish/ }).count(), 0);
  await page.context().close();
});

test("who was overtaken is told, sees the difference to the new version, and decides", async () => {
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Race", stages: [{ id: "a", owner: "Desk" }] }]);
  const mine = { name: "Race", stages: [{ id: "a", owner: "Desk", slaMins: 10 }] };
  const theirs = { name: "Race", stages: [{ id: "a", owner: "Desk", label: "Theirs" }] };
  // Before the preview.
  let page = await w.open("ada", "/workflows/Race/edit");
  await write(page, pretty(mine));
  await w.sql("SELECT oms.create_workflow($1)", [theirs]);
  await preview(page);
  await page.getByRole("alert").filter({ hasText: "Somebody else published version 2 meanwhile (postgres" }).waitFor();
  await page.locator("del").filter({ hasText: "Theirs" }).first().waitFor();
  await accessible(page);
  // Between the preview and the publishing.
  await w.sql("SELECT oms.create_workflow($1)", [{ ...theirs, description: "Third" }]);
  await page.getByRole("button", { name: "Publish as version 3" }).click();
  await page.getByRole("alert").filter({ hasText: "Somebody else published version 3 meanwhile" }).waitFor();
  assert.equal(await newest("Race"), 3);
  await page.locator("del").filter({ hasText: "Third" }).first().waitFor();
  await page.getByRole("button", { name: "Publish as version 4" }).click();
  await page.getByText("Version 4 of Race is published.").waitFor();
  assert.deepEqual(await w.one("SELECT oms.get_workflow('Race')"), mine);
  await page.context().close();
  // A new workflow with the name of another one.
  page = await w.open("ada", "/workflows/new");
  await write(page, pretty({ ...mine, description: "New" }));
  await preview(page);
  await page.getByRole("alert").filter({ hasText: "There is a workflow Race already." }).waitFor();
  await page.getByRole("button", { name: "Back to the editor" }).click();
  await write(page, pretty({ ...mine, name: "Quite new" }));
  await preview(page);
  await page.getByText("This is a new workflow.").waitFor();
  await page.getByRole("button", { name: "Publish as version 1" }).click();
  await page.getByText("Version 1 of Quite new is published.").waitFor();
  assert.equal(await newest("Quite new"), 1);
  await page.context().close();
});

test("a draft is not lost: with problems, on the way back, and when somebody leaves", async () => {
  const page = await w.open("ada", "/workflows/DisasterLoan/edit");
  const draft = pretty({ ...LOAN, description: "\u00A0 äöü </textarea><script>window.hacked=1</script> \\n", stages: "none" });
  await write(page, draft);
  await page.getByRole("button", { name: "Check and look at the changes" }).click();
  await page.getByRole("alert").filter({ hasText: "The draft cannot be published yet." }).waitFor();
  await eventually(() => copy(page), draft);
  await harmless(page);
  const good = pretty({ ...LOAN, description: HOSTILE });
  await write(page, good);
  await preview(page);
  await harmless(page);
  await page.getByRole("button", { name: "Back to the editor" }).click();
  await editor(page).waitFor();
  await eventually(() => copy(page), good);
  // The browser asks before the page is left.
  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.accept();
  });
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByRole("heading", { level: 1, name: "DisasterLoan" }).waitFor();
  assert.deepEqual(asked, ["beforeunload"]);
  // Who left all the same can have it back, but nobody who signs in here later.
  await page.goto("/workflows/DisasterLoan/edit");
  await page.getByRole("button", { name: "Bring it back" }).click();
  await eventually(() => copy(page), good);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/sign-in");
  await eventually(() => page.evaluate("sessionStorage.length"), 0);
  await page.context().close();
});

test("nothing is asked of who leaves without a change", async () => {
  const page = await w.open("ada", "/workflows/DisasterLoan/edit");
  await state(page).filter({ hasText: "As the draft stands." }).waitFor();
  page.on("dialog", (dialog) => {
    assert.fail(dialog.type());
  });
  await editor(page).click();
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByRole("heading", { level: 1, name: "DisasterLoan" }).waitFor();
  await page.context().close();
});

test("without scripts the same is done with a plain text field", async () => {
  const page = await w.open("ada", "/workflows/DisasterLoan/edit", { javaScriptEnabled: false });
  const field = page.getByLabel("Definition");
  assert.match(await field.inputValue(), /^\{\n {2}"name": "DisasterLoan",\n/);
  await field.fill('{"name": "DisasterLoan",\n"stages": [{"id": "a"}]}');
  await page.getByRole("button", { name: "Check and look at the changes" }).click();
  await page.getByText('Line 2, column 12: stage "a" has no "owner"').waitFor();
  await field.fill('{"name": "Scriptless", "stages": [{"id": "a", "owner": "Desk"}]}');
  await page.getByRole("button", { name: "Check and look at the changes" }).click();
  await page.getByText("This is a new workflow.").waitFor();
  await page.getByText("DisasterLoan stays as it is").waitFor();
  await page.getByRole("button", { name: "Publish as version 1" }).click();
  await page.getByText("Version 1 of Scriptless is published.").waitFor();
  await page.context().close();
});

test("a workflow is retired and brought back, by its own page or by publishing", async () => {
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Old", stages: [{ id: "a", owner: "Desk" }] }]);
  const page = await w.open("ada", "/workflows/Old");
  page.on("dialog", (dialog) => void dialog.accept());
  await page.getByRole("button", { name: "Retire" }).click();
  await page.getByText("Old is retired: no tickets can be opened any more.").waitFor();
  await assert.rejects(w.sql("SELECT oms.open_ticket('Old')"), { code: "OM001" });
  await page.getByRole("button", { name: "Bring back" }).click();
  await page.getByText("Old is back").waitFor();
  await w.sql("SELECT oms.open_ticket('Old')");
  assert.equal(await newest("Old"), 1);
  await w.sql("SELECT oms.retire_workflow('Old')");
  await page.goto("/workflows/Old/edit");
  await state(page).filter({ hasText: "As the draft stands." }).waitFor();
  await preview(page);
  await page.getByText("which is retired. To publish it brings the workflow back.").waitFor();
  await page.getByRole("button", { name: "Bring back" }).click();
  await page.getByText("Old is back as version 1.").waitFor();
  await w.sql("SELECT oms.open_ticket('Old')");
  await page.context().close();
});

test("an older version can be the beginning of the next one", async () => {
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Back", stages: [{ id: "a", owner: "First" }] }]);
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Back", stages: [{ id: "a", owner: "Second" }] }]);
  const page = await w.open("ada", "/workflows/Back?version=1");
  await page.getByRole("link", { name: "Edit from this version" }).click();
  await state(page).filter({ hasText: "As the draft stands." }).waitFor();
  await preview(page);
  assert.equal(await page.getByRole("alert").count(), 0);
  await page.getByRole("button", { name: "Publish as version 3" }).click();
  await page.getByText("Version 3 of Back is published.").waitFor();
  assert.deepEqual(await w.one("SELECT oms.get_workflow('Back')"), { name: "Back", stages: [{ id: "a", owner: "First" }] });
  await page.context().close();
});

test("names that mean something in an address, and hostile ones, have their pages", async () => {
  const page = await w.open("ada", "/workflows");
  for (const name of ["new", "-", "..", "check", "a/b?c#d", "50% of it", "%2e%2e", HOSTILE.slice(0, 62)]) {
    await w.sql("SELECT oms.create_workflow($1)", [{ name, prefix: "X", stages: [{ id: "a", owner: "Desk" }] }]);
    await page.goto("/workflows");
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
    await harmless(page);
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await state(page).filter({ hasText: "As the draft stands." }).waitFor();
    await write(page, pretty({ name, prefix: "X", stages: [{ id: "a", owner: "Other" }] }));
    await preview(page);
    await page.getByRole("button", { name: "Publish as version 2" }).click();
    await page.getByText("Version 2 of").waitFor();
    assert.equal(await newest(name), 2, name);
    await harmless(page);
  }
  await page.context().close();
});

test("4,096 stages can be edited, checked, compared and published", async () => {
  const stages = Array.from({ length: 4096 }, (_, i) => ({
    id: `stage_${i}`, owner: `Team_${i % 50}`, label: `A public label that is not short, number ${i}`, slaMins: 60, dependsOn: i === 0 ? [] : [`stage_${Math.floor((i - 1) / 2)}`], retry: { maxAttempts: 3, backoffSecs: 30 },
  }));
  const text = pretty({ name: "Large", stages });
  assert.ok(text.length > 900_000, `${text.length}`);
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Large", stages }]);
  const page = await w.open("ada", "/workflows/Large/edit");
  await editor(page).waitFor();
  await state(page).filter({ hasText: /too large|As the draft/ }).waitFor();
  await editor(page).click();
  await page.keyboard.press("Control+End");
  await page.keyboard.press("Backspace");
  await page.locator("#problems li").filter({ hasText: "a closing brace } is missing here" }).waitFor();
  await page.keyboard.insertText('\n, "description": "More"}');
  await page.locator("#problem-count").filter({ hasText: "No problems known." }).waitFor();
  await preview(page);
  await eventually(() => page.locator("ins").allTextContents().then((all) => all.map((t) => t.trim())), ['"description": "More",']);
  await page.getByRole("button", { name: "Publish as version 2" }).click();
  await page.getByText("Version 2 of Large is published.").waitFor();
  // Everything wrong at once: not all of it is listed.
  const bad = await fetch(`${w.url}/workflows/check`, {
    method: "POST", body: text.replaceAll('"Team_', '"ownr_').replaceAll('"owner"', '"ownr"'),
    headers: { "content-type": "text/plain", origin: w.url, ...(await credentials()) },
  });
  const result = (await bad.json()) as { problems: unknown[]; count: string };
  assert.equal(result.problems.length, 200);
  assert.match(result.count, /^8,192 problems; the first 200/);
  await page.context().close();
});

async function credentials(): Promise<{ cookie: string; "x-csrf": string }> {
  const cookie = await w.cookie("ada");
  const text = await (await fetch(`${w.url}/workflows/new`, { headers: { cookie } })).text();
  return { cookie, "x-csrf": /name="csrf" value="([^"]+)"/.exec(text)?.[1] ?? "" };
}

test("what the check is sent is judged, never run or trusted", async () => {
  const headers = { origin: w.url, "content-type": "text/plain", ...(await credentials()) };
  const check = async (body: string) => {
    const [answer, drawn] = await Promise.all(["check", "picture"].map((path) => fetch(`${w.url}/workflows/${path}`, { method: "POST", body, headers })));
    assert.deepEqual([answer?.status, drawn?.status], [200, 200], body.slice(0, 50));
    return { ...((await answer?.json()) as { problems: unknown[] }), ...((await drawn?.json()) as { svg: string | null }) };
  };
  for (const body of ["", "null", "3", '"x"', "[]", "{}", '{"name": "\\u0000", "stages": []}', '{"name": "\\ud800", "stages": []}', "[".repeat(100_000), `{"a":`.repeat(5000) + "1" + "}".repeat(5000), "1e400000", `'; DROP SCHEMA oms CASCADE; --`]) {
    const { problems, svg } = await check(body);
    assert.ok(problems.length > 0, body.slice(0, 50));
    assert.equal(svg, null);
  }
  const good = await check(JSON.stringify(LOAN));
  assert.equal(good.problems.length, 0);
  assert.match(good.svg ?? "", /^<svg /);
  assert.equal((await fetch(`${w.url}/workflows/check`, { method: "POST", body: "{}", headers: { ...headers, "x-csrf": "" } })).status, 403);
  const large = await fetch(`${w.url}/workflows/check`, { method: "POST", body: " ".repeat(3 * 1024 * 1024), headers });
  assert.equal(large.status, 413);
});
