/** For administrators: an editor of workflows with the validator's problems and a picture, a page with the changes, and publishing. */
import { Hono } from "hono";
import type { Child, FC } from "hono/jsx";
import { compare, examplesOf, layOut, layOutText, locate, nameOf, oneLineEnd, onlyExamples, parse, type Parsed, type Problem, type Shown, type Told } from "../definition.js";
import { drawing } from "../diagram.js";
import { count } from "../format.js";
import { page } from "../layout.js";
import { formToken } from "../session.js";
import { Time } from "../ui.js";
import { asRefused, form, needs, param, person, Refused, type Env, type Web } from "../web.js";
import { COLUMNS, DiffTable, nameIn, Picture, workflowPath, type Version } from "../workflows/ui.js";
import { clockOf } from "./board.js";

export const workflowEditRoutes = new Hono<Env>();

const MOST_PROBLEMS = 200;

const EMPTY = `{
  "name": "NewWorkflow",
  "prefix": "NW",
  "stages": [
    {
      "id": "first",
      "owner": "Some_Team",
      "slaMins": 60
    },
    {
      "id": "second",
      "owner": "Some_Team",
      "slaMins": 60,
      "dependsOn": ["first"]
    }
  ]
}`;

interface Checked {
  parsed: Parsed;
  problems: Problem[];
  examples: Shown[];
  /** The picture in DOT; undefined while anything but examples is wrong. */
  dot: string | undefined;
}

/**
 * Everything that is wrong with a draft, where it is; and its picture if nothing but an example is. The draft goes to the database as it was
 * written, not by the SDK, which would take it as JavaScript has it.
 */
async function check(c: Web, text: string): Promise<Checked> {
  const parsed = parse(text);
  if (parsed.tree === undefined) return { parsed, problems: parsed.problems, examples: [], dot: undefined };
  try {
    return await c.get("board").db.as(person(c).role, async (q) => {
      const told = await q.rows<Told>(`SELECT v.path, v.problem, v.hint FROM oms.validate_workflow($1::jsonb) AS v`, [text]);
      const problems = [...parsed.problems, ...locate(parsed, told)].sort((a, b) => a.from - b.from);
      const dot = onlyExamples(problems) ? (await q.row<{ dot: string }>("SELECT oms.draw_workflow($1::jsonb - 'examples', 'dot') AS dot", [text])).dot : undefined;
      return { parsed, problems, examples: examplesOf(parsed, problems), dot };
    });
  } catch (error) {
    // What the database cannot take for JSON, such as \u0000, 1e400000, or lists in lists in lists.
    const { code } = error as { code?: unknown };
    if (typeof code !== "string" || !/^(22|54)/.test(code)) throw error;
    const { message, hint } = error as { message: string; hint?: string };
    return { parsed, problems: locate(parsed, [{ path: "$", problem: message, hint: hint ?? null }]), examples: [], dot: undefined };
  }
}

interface Draft {
  /** The workflow that is edited; empty: a new one. */
  name: string;
  /** The version that the draft began with, 0 for none. */
  base: number;
  text: string;
  problems: readonly Problem[];
  message?: { text: string; hint?: string | undefined };
  /** It is not what the database has. */
  unsaved?: boolean;
}

const editPath = (name: string) => (name === "" ? "/workflows/new" : workflowPath(name, "/edit"));

/** The same as in browser/editor.js, which takes over from it. */
const ProblemList: FC<{ problems: readonly Problem[] }> = ({ problems }) => (
  <ol id="problems" class="problems">
    {problems.slice(0, MOST_PROBLEMS).map((p) => (
      <li>
        <a href="#definition" data-from={p.from} data-to={p.to}>
          Line {p.line}, column {p.column}
        </a>
        : <bdi>{p.problem}</bdi>
        {p.path === "" || p.path === "$" ? null : (
          <>
            {" "}
            <code><bdi>{p.path}</bdi></code>
          </>
        )}
        {p.hint === null ? null : <small class="hint"> <bdi>{p.hint}</bdi></small>}
      </li>
    ))}
  </ol>
);

function howMany(n: number): string {
  return n === 0 ? "No problems known." : n === 1 ? "1 problem." : n <= MOST_PROBLEMS ? `${n} problems.` : `${count(n)} problems; the first ${MOST_PROBLEMS} are listed.`;
}

function editorPage(c: Web, draft: Draft, status: 200 | 403 | 404 | 409 | 422 | 503 | 400 | 401 | 413 | 429 | 500 = 200) {
  const session = person(c);
  return page(
    c,
    { title: draft.name === "" ? "New workflow" : `Edit ${draft.name}`, scripts: ["/assets/editor.js"], wide: true },
    <>
      <h1>{draft.name === "" ? "New workflow" : <>Edit <bdi>{draft.name}</bdi></>}</h1>
      {draft.message === undefined ? null : (
        <div class="message message-error" role="alert">
          <p>{draft.message.text}</p>
          {draft.message.hint === undefined ? null : <p class="hint">{draft.message.hint}</p>}
        </div>
      )}
      <form method="post" action={editPath(draft.name)} enctype="multipart/form-data" id="edit" class="edit" data-role={session.role} data-unsaved={draft.unsaved === true ? "yes" : undefined}>
        <input type="hidden" name="csrf" value={formToken(session)} />
        <input type="hidden" name="base" value={String(draft.base)} />
        <div class="edit-text">
          <p class="field">
            <label for="definition" id="definition-label">
              Definition
            </label>
            <textarea id="definition" name="definition" class="code" rows={28} wrap="off" spellcheck={false} autocomplete="off" required aria-describedby="problem-count">
              {draft.text}
            </textarea>
          </p>
          <p class="buttons">
            <button class="main" name="step" value="preview">
              Check and look at the changes
            </button>{" "}
            <a href={draft.name === "" ? "/workflows" : workflowPath(draft.name)}>Cancel</a>
          </p>
          <h2>Problems</h2>
          <p id="problem-count" role="status" aria-live="polite">
            {howMany(draft.problems.length)}
          </p>
          <ProblemList problems={draft.problems} />
        </div>
        <div class="edit-picture">
          <h2 id="diagram">Diagram</h2>
          <p id="picture-state" role="status" aria-live="polite">
            It comes with the next step.
          </p>
          <div class="drawing" id="picture" role="region" aria-labelledby="diagram" tabindex={0}></div>
          <section id="examples" aria-labelledby="examples-title" hidden>
            <h2 id="examples-title">Examples</h2>
            <ul class="examples"></ul>
          </section>
        </div>
      </form>
    </>,
    status,
  );
}

workflowEditRoutes.get("/workflows/new", (c) => {
  needs(c, "create_workflow");
  return editorPage(c, { name: "", base: 0, text: EMPTY, problems: [] });
});

workflowEditRoutes.get("/workflows/:name/edit", async (c) => {
  needs(c, "create_workflow");
  const name = nameIn(c);
  const { rows } = await c.get("board").db.as(person(c).role, async (q) => ({
    rows: await q.rows<{ version: number; newest: number; text: string }>(
      `SELECT w.version, (SELECT pg_catalog.max(n.version) FROM oms.workflow AS n WHERE n.name = $1) AS newest, w.definition::text AS text
         FROM oms.workflow AS w WHERE w.name = $1 AND (w.version = $2::int OR $2::int IS NULL AND w.current)`,
      [name, param(c, "version", 9) ?? null],
    ),
  }));
  const found = rows[0];
  if (found === undefined) throw new Refused(404, `There is no workflow "${name}", or no such version of it.`);
  return editorPage(c, { name, base: found.newest, text: layOutText(found.text), problems: [] });
});

/** What the editor asks while somebody types: what is wrong with the draft, at once, */
workflowEditRoutes.post("/workflows/check", async (c) => {
  c.set("wantsJson", true);
  needs(c, "create_workflow");
  const { problems, examples, dot } = await check(c, oneLineEnd(await c.req.text()));
  return c.json({ count: howMany(problems.length), problems: problems.slice(0, MOST_PROBLEMS), examples, drawable: dot !== undefined });
});

/** and how it looks, which may take longer. */
workflowEditRoutes.post("/workflows/picture", async (c) => {
  c.set("wantsJson", true);
  needs(c, "create_workflow");
  const { dot } = await check(c, oneLineEnd(await c.req.text()));
  return c.json({ svg: (dot === undefined ? undefined : await drawing(dot)) ?? null });
});

interface Current extends Version {
  text: string;
}

/** The newest version of the workflow that a draft would become. */
async function currentOf(c: Web, name: string): Promise<{ current: Current | undefined; times: Awaited<ReturnType<typeof clockOf>>["times"]; missing: (calendars: string[]) => Promise<string[]> }> {
  const { db } = c.get("board");
  const { role } = person(c);
  const { rows, times } = await db.as(role, async (q) => ({
    rows: await q.rows<Current>(`SELECT ${COLUMNS}, w.definition::text AS text FROM oms.workflow AS w WHERE w.name = $1 AND w.current`, [name]),
    ...(await clockOf(q)),
  }));
  const missing = async (calendars: string[]) =>
    (await db.as(role, (q) => q.rows<{ name: string }>("SELECT n.name FROM pg_catalog.unnest($1::text[]) AS n (name) WHERE NOT EXISTS (SELECT FROM oms.calendar AS k WHERE k.name = n.name)", [calendars]))).map((r) => r.name);
  return { current: rows[0], times, missing };
}

function calendarsOf(value: unknown): string[] {
  const definition = value as { calendar?: unknown; stages?: { calendar?: unknown }[] };
  const all = [definition.calendar, ...(definition.stages ?? []).map((s) => s.calendar)];
  return [...new Set(all.filter((name): name is string => typeof name === "string"))];
}

async function previewPage(c: Web, draft: Omit<Draft, "problems">, { parsed, dot }: Checked) {
  const session = person(c);
  const name = nameOf(parsed);
  const { current, times, missing } = await currentOf(c, name);
  const base = name === draft.name ? draft.base : 0;
  const newest = current?.version ?? 0;
  const raced = newest !== base;
  const before = current === undefined ? "" : layOutText(current.text);
  const diff = compare(before, layOut(parsed));
  const absent = await missing(calendarsOf(JSON.parse(parsed.text)));
  const svg = dot === undefined ? undefined : await drawing(dot);
  const nothing = diff === undefined && current?.retired_at === null;
  let warning: Child = null;
  if (raced && name === draft.name && current !== undefined)
    warning = (
      <>
        <p>
          Somebody else published version {newest} meanwhile (<bdi>{current.created_by}</bdi>, <Time at={current.created_at} times={times} />
          ); your draft began with version {base}.
        </p>
        <p class="hint">What follows is compared with version {newest}. If you publish, what it changed and your draft does not have is undone.</p>
      </>
    );
  else if (raced && current !== undefined)
    warning = (
      <>
        <p>
          There is a workflow <bdi>{name}</bdi> already.
        </p>
        <p class="hint">If you publish, this becomes its next version. Go back and choose another name if that is not meant.</p>
      </>
    );
  return page(
    c,
    { title: `Publish ${name}`, wide: true },
    <>
      <h1>
        Publish <bdi>{name}</bdi>
      </h1>
      {warning === null ? null : (
        <div class="message message-error" role="alert">
          {warning}
        </div>
      )}
      <p>
        {nothing ? "The draft is the same as the current version: there is nothing to publish."
          : diff === undefined ? `The draft is the same as version ${newest}, which is retired. To publish it brings the workflow back.`
          : current === undefined ? "This is a new workflow. It becomes version 1, and tickets can be opened as soon as it is published."
          : `It becomes version ${newest + 1}. New tickets follow it; those that are open keep the version that they were opened with.`}
        {diff !== undefined && current !== undefined && current.retired_at !== null ? " The workflow is retired: to publish brings it back." : null}
        {name !== draft.name && draft.name !== "" ? (
          <>
            {" "}
            <bdi>{draft.name}</bdi> stays as it is.
          </>
        ) : null}
      </p>
      {absent.length === 0 ? null : (
        <div class="message message-error">
          <p>
            {absent.length === 1 ? "This calendar does" : "These calendars do"} not exist yet: <bdi>{absent.join(", ")}</bdi>.
          </p>
          <p class="hint">No ticket can be opened before it is made.</p>
        </div>
      )}
      <form method="post" action={editPath(draft.name)} enctype="multipart/form-data" class="actions" id="publish">
        <input type="hidden" name="csrf" value={formToken(session)} />
        <input type="hidden" name="base" value={String(draft.base)} />
        <input type="hidden" name="seen" value={String(newest)} />
        <input type="hidden" name="definition" value={parsed.text} />
        {nothing ? null : (
          <button class="main" name="step" value="publish">
            {diff === undefined ? "Bring back" : `Publish as version ${newest + 1}`}
          </button>
        )}
        <button name="step" value="edit">
          Back to the editor
        </button>
      </form>
      {diff === undefined ? null : (
        <>
          <h2>Changes</h2>
          <DiffTable diff={diff} caption={current === undefined ? "The new definition" : `Version ${newest} and the draft, in the same layout`} />
        </>
      )}
      <h2 id="diagram">Diagram</h2>
      <Picture svg={svg} name={name} />
    </>,
    raced ? 409 : 200,
  );
}

/** Somebody else published between the preview and now. */
class Overtaken extends Error {}

async function edit(c: Web, name: string) {
  needs(c, "create_workflow");
  const session = person(c);
  const fields = await form(c);
  const draft = { name, base: Number.parseInt(fields.text("base"), 10) || 0, text: oneLineEnd(fields.text("definition")), unsaved: true };
  const step = fields.text("step");
  if (step === "edit") return editorPage(c, { ...draft, problems: [] });
  const checked = await check(c, draft.text);
  if (checked.problems.length > 0)
    return editorPage(c, { ...draft, problems: checked.problems, message: { text: "The draft cannot be published yet.", hint: "The problems are listed below the text." } }, 422);
  if (step !== "publish") return previewPage(c, draft, checked);
  const seen = Number.parseInt(fields.text("seen"), 10) || 0;
  const { db } = c.get("board");
  try {
    const version = await db.as(
      session.role,
      async (q) => {
        const made = await q.row<{ version: number }>("SELECT oms.create_workflow($1::jsonb) AS version", [draft.text]);
        // It has the lock now: the number says whether the version that was seen is the one that was replaced.
        if (made.version !== seen && made.version !== seen + 1) throw new Overtaken();
        return made.version;
      },
      { write: true },
    );
    const published = nameOf(checked.parsed);
    session.message = { kind: "done", text: version === seen ? `${published} is back as version ${version}.` : `Version ${version} of ${published} is published.` };
    return c.redirect(workflowPath(published), 303);
  } catch (error) {
    if (error instanceof Overtaken) return previewPage(c, { ...draft, base: seen }, checked);
    const refused = asRefused(error);
    if (refused === undefined) throw error;
    return editorPage(c, { ...draft, problems: [], message: { text: refused.message, hint: refused.hint } }, refused.status);
  }
}

workflowEditRoutes.post("/workflows/new", (c) => edit(c, ""));
workflowEditRoutes.post("/workflows/:name/edit", (c) => edit(c, nameIn(c)));
