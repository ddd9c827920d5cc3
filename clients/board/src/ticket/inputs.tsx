/** The fields of an action's form. */
import type { FC } from "hono/jsx";
import type { Input } from "../actions.js";
import { Field } from "../ui.js";
import type { Choices, Facts, Stage } from "./data.js";

/** What somebody typed, or what stands there first. */
type Typed = (name: string) => string;

const InputField: FC<{ input: Input; stage: Stage | undefined; facts: Facts; choices: Choices | undefined; typed: Typed | undefined; zone: string }> = (props) => {
  const { input, typed, choices } = props;
  const id = `i-${input.name}`;
  const value = typed === undefined ? (input.first ?? "") : typed(input.name);
  const described = input.hint === undefined && input.kind !== "time" ? undefined : `${id}-hint`;
  const from = input.from === undefined || choices === undefined ? [] : input.from(choices, props.facts, props.stage);
  const common = { id, name: input.name, required: input.required === true, "aria-describedby": described };
  if (input.kind === "check")
    return (
      <p class="check">
        <input type="checkbox" id={id} name={input.name} value="yes" checked={value === "yes"} aria-describedby={described} />
        <label for={id}>{input.label}</label>
        {input.hint === undefined ? null : (
          <small class="hint line" id={described}>
            {input.hint}
          </small>
        )}
      </p>
    );
  const hint = input.kind === "time" ? `${input.hint ?? ""} Time zone: ${props.zone}.` : input.hint;
  return (
    <Field label={input.label} for={id} {...(hint === undefined ? {} : { hint })}>
      {input.kind === "text" ? (
        <textarea {...common} rows={4}>
          {value}
        </textarea>
      ) : input.kind === "json" ? (
        <textarea {...common} rows={8} class="code" spellcheck={false}>
          {value}
        </textarea>
      ) : input.kind === "choice" ? (
        <select {...common}>
          {from.map(([v, text]) => (
            <option value={v} selected={v === value}>
              {text}
            </option>
          ))}
        </select>
      ) : (
        <input {...common} type={input.kind === "time" ? "datetime-local" : "text"} value={value} maxlength={1000} autocomplete="off" list={from.length > 0 ? `${id}-list` : undefined} />
      )}
      {input.kind === "line" && from.length > 0 ? (
        <datalist id={`${id}-list`}>
          {from.map(([v]) => (
            <option value={v}></option>
          ))}
        </datalist>
      ) : null}
    </Field>
  );
};

export const Inputs: FC<{ inputs: readonly Input[]; stage: Stage | undefined; facts: Facts; choices: Choices | undefined; typed: Typed | undefined; zone: string }> = (props) => (
  <>
    {props.inputs.map((input) => (
      <InputField input={input} stage={props.stage} facts={props.facts} choices={props.choices} typed={props.typed} zone={props.zone} />
    ))}
  </>
);
