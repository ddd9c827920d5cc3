/** Workflows: what there is, and one of them with its picture and its versions. The editor is in workflows-edit.tsx. */
import { diagramWorkflow, retireWorkflow } from "hms-oms-sdk";
import { Hono } from "hono";
import type { FC } from "hono/jsx";
import { compare, layOutText } from "../definition.js";
import { drawing } from "../diagram.js";
import { count } from "../format.js";
import { page } from "../layout.js";
import { PostForm, Table, Time } from "../ui.js";
import { can, needs, param, person, Refused, type Env } from "../web.js";
import { COLUMNS, DiffTable, nameIn, Picture, workflowPath, type Version } from "../workflows/ui.js";
import { clockOf } from "./board.js";

export const workflowRoutes = new Hono<Env>();

const MOST_WORKFLOWS = 1000;

const State: FC<{ of: Version }> = ({ of }) =>
  of.retired_at !== null ? (
    <span class="status">
      <span aria-hidden="true">⊘</span> retired
    </span>
  ) : of.current ? (
    <span class="status status-done">
      <span aria-hidden="true">●</span> in use
    </span>
  ) : (
    <span class="status">
      <span aria-hidden="true">○</span> replaced
    </span>
  );

// ---- the list ----

workflowRoutes.get("/workflows", async (c) => {
  needs(c, "get_workflow");
  const { rows, times } = await c.get("board").db.as(person(c).role, async (q) => ({
    rows: await q.rows<Version & { name: string }>(
      `SELECT w.name, ${COLUMNS} FROM oms.workflow AS w WHERE w.current ORDER BY w.retired_at IS NOT NULL, w.name LIMIT ${MOST_WORKFLOWS}`,
    ),
    ...(await clockOf(q)),
  }));
  return page(
    c,
    { title: "Workflows" },
    <>
      <h1>Workflows</h1>
      {can(c, "create_workflow") ? (
        <p>
          <a class="button" href="/workflows/new">
            New workflow
          </a>
        </p>
      ) : null}
      <Table caption={`${count(rows.length)} ${rows.length === 1 ? "workflow" : "workflows"}`} class="list cards" head={["Workflow", "Version", "State", "Stages", "Published", "By", "Diagram"]}>
        <tbody>
          {rows.length === 0 ? (
            <tr>
              <td colspan={7}>There is no workflow yet.</td>
            </tr>
          ) : (
            rows.map((w) => (
              <tr>
                <th scope="row">
                  <a href={workflowPath(w.name)}>
                    <bdi>{w.name}</bdi>
                  </a>
                </th>
                <td>{w.version}</td>
                <td>
                  <State of={w} />
                </td>
                <td>{count(w.stages)}</td>
                <td>
                  <Time at={w.created_at} times={times} />
                </td>
                <td>
                  <bdi>{w.created_by}</bdi>
                </td>
                <td>
                  <a href={`${workflowPath(w.name)}#diagram`} aria-label={`Diagram of ${w.name}`}>
                    Diagram
                  </a>
                </td>
              </tr>
            ))
          )}
        </tbody>
      </Table>
    </>,
  );
});

// ---- one workflow ----

workflowRoutes.get("/workflows/:name", async (c) => {
  needs(c, "get_workflow");
  const name = nameIn(c);
  const session = person(c);
  const { versions, shown, before, dot, times } = await c.get("board").db.as(session.role, async (q) => {
    const all = await q.rows<Version>(`SELECT ${COLUMNS} FROM oms.workflow AS w WHERE w.name = $1 ORDER BY w.version DESC`, [name]);
    const wanted = param(c, "version", 10);
    const one = wanted === undefined ? all[0] : all.find((v) => String(v.version) === wanted);
    if (one === undefined) throw new Refused(404, wanted === undefined ? `There is no workflow "${name}".` : `There is no such version of "${name}".`);
    const text = async (version: number) => layOutText((await q.row<{ text: string }>("SELECT oms.get_workflow($1::text, $2::int)::text AS text", [name, version])).text);
    return {
      versions: all,
      shown: { ...one, text: await text(one.version) },
      before: all.some((v) => v.version === one.version - 1) ? await text(one.version - 1) : undefined,
      dot: await diagramWorkflow(name, { version: one.version, format: "dot", client: q.client }),
      ...(await clockOf(q)),
    };
  });
  const svg = await drawing(dot);
  const diff = before === undefined ? undefined : compare(before, shown.text);
  const newest = versions[0];
  const mayPublish = can(c, "create_workflow");
  return page(
    c,
    { title: name, wide: true },
    <>
      <h1>
        <bdi>{name}</bdi>
      </h1>
      <p>
        Version {shown.version} <State of={shown} />, {count(shown.stages)} {shown.stages === 1 ? "stage" : "stages"}, published by {shown.created_by} on{" "}
        <Time at={shown.created_at} times={times} />
        {shown.retired_at === null ? null : (
          <>
            , retired on <Time at={shown.retired_at} times={times} />: no tickets can be opened
          </>
        )}
        .{" "}
        {shown.current ? null : <a href={workflowPath(name)}>Version {newest?.version} is the newest one.</a>}
      </p>
      {mayPublish ? (
        <div class="actions no-print">
          <a class="button" href={workflowPath(name, "/edit", shown.current ? undefined : shown.version)}>
            {shown.current ? "Edit" : "Edit from this version"}
          </a>
          {!shown.current ? null : shown.retired_at === null ? (
            <PostForm session={session} action={workflowPath(name, "/retire")}>
              <button class="danger" data-ask={`Retire ${name}? No tickets can be opened any more; those that are open run on.`}>
                Retire
              </button>
            </PostForm>
          ) : (
            <PostForm session={session} action={workflowPath(name, "/bring-back")}>
              <button>Bring back</button>
            </PostForm>
          )}
        </div>
      ) : null}
      <h2 id="diagram">Diagram</h2>
      <Picture svg={svg} name={name} />
      <h2>Definition</h2>
      <pre class="definition" tabindex={0} role="region" aria-label={`Definition of ${name}`}>
        <code>{shown.text}</code>
      </pre>
      {before === undefined ? null : (
        <>
          <h2>What version {shown.version} changed</h2>
          {diff === undefined ? <p>Nothing that can be seen here.</p> : <DiffTable diff={diff} caption={`From version ${shown.version - 1} to ${shown.version}`} />}
        </>
      )}
      <h2>Versions</h2>
      <Table caption="All versions, the newest first" class="list cards" head={["Version", "State", "Stages", "Published", "By"]}>
        <tbody>
          {versions.map((v) => (
            <tr>
              <th scope="row">
                <a href={workflowPath(name, "", v.version)} aria-current={v.version === shown.version ? "true" : undefined}>
                  Version {v.version}
                </a>
              </th>
              <td>
                <State of={v} />
              </td>
              <td>{count(v.stages)}</td>
              <td>
                <Time at={v.created_at} times={times} />
              </td>
              <td>
                <bdi>{v.created_by}</bdi>
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>,
  );
});

workflowRoutes.post("/workflows/:name/retire", async (c) => {
  needs(c, "retire_workflow");
  const session = person(c);
  const name = nameIn(c);
  await c.get("board").db.as(session.role, (q) => retireWorkflow(name, { client: q.client }), { write: true });
  session.message = { kind: "done", text: `${name} is retired: no tickets can be opened any more.`, hint: "Those that are open run on." };
  return c.redirect(workflowPath(name), 303);
});

workflowRoutes.post("/workflows/:name/bring-back", async (c) => {
  needs(c, "create_workflow");
  const session = person(c);
  const name = nameIn(c);
  // The current definition again makes no version.
  await c.get("board").db.as(session.role, (q) => q.row("SELECT oms.create_workflow(oms.get_workflow($1::text))", [name]), { write: true });
  session.message = { kind: "done", text: `${name} is back: tickets can be opened again.` };
  return c.redirect(workflowPath(name), 303);
});
