/** Pieces that the parts of a ticket's page share with the forms of its actions. */
import type { FC } from "hono/jsx";
import type { Action } from "../actions.js";
import type { Session } from "../session.js";
import { Name, PostForm } from "../ui.js";
import type { Stage } from "./data.js";

/** Who has a stage, or had it in the end. */
export const Holder: FC<{ stage: Stage; me: string }> = ({ stage: { worker, by_law, finished_at }, me }) =>
  by_law ? <>by law</> : worker === null ? null : finished_at !== null ? (
    <>
      by <Name of={worker} />
    </>
  ) : worker === me ? (
    <>you have it</>
  ) : (
    <>
      <Name of={worker} /> has it
    </>
  );

const address = (id: string, action: Action, stage?: Stage) =>
  `/tickets/${encodeURIComponent(id)}/${action.name}${stage === undefined ? "" : `?stage=${encodeURIComponent(stage.stage)}`}`;

/** What can be done at once is a button, everything else leads to a page with a form. */
export const Offers: FC<{ session: Session; id: string; stage?: Stage; offers: Action[] }> = ({ session, id, stage, offers }) => {
  const name = (a: Action) => (stage === undefined ? a.title : `${a.title}: ${stage.label}`);
  const key = (a: Action) => `do-${stage?.stage_no ?? 0}-${a.name}`;
  return (
    <ul class="offers">
      {offers.map((a) => (
        <li data-key={key(a)}>
          {a.atOnce === true ? (
            <PostForm session={session} action={`/tickets/${encodeURIComponent(id)}/${a.name}`}>
              <input type="hidden" name="stage" value={stage?.stage} />
              <button id={key(a)} aria-label={name(a)} data-near={stage === undefined ? undefined : `stage-row-${stage.stage_no}`}>
                {a.title}
              </button>
            </PostForm>
          ) : (
            <a id={key(a)} href={address(id, a, stage)} aria-label={name(a)} data-near={stage === undefined ? undefined : `stage-row-${stage.stage_no}`}>
              {a.title}
            </a>
          )}
        </li>
      ))}
    </ul>
  );
};
