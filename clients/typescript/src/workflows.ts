import { arg, callRows, callValue, callValues, callVoid, json, opt, shape, ticketArg } from "./call.js";
import type { CallOptions } from "./connection.js";
import type { JsonObject, TicketId, WorkflowDefinition } from "./types.js";

/** Something that is wrong with a definition. */
export interface Problem {
  /** Where: `$.stages[1].dependsOn[0]`. */
  path: string;
  /** What. */
  problem: string;
  /** What may have been meant. */
  hint: string | null;
}

/**
 * Lists everything that is wrong with a definition.
 *
 * @param definition - of a workflow, maybe a broken one
 * @param options - client
 * @returns no rows if it is right
 */
export async function validateWorkflow(definition: unknown, options: CallOptions = {}): Promise<Problem[]> {
  return (await callRows("validate_workflow", [arg("definition", "jsonb", json(definition))], options)).map((row) =>
    shape<Problem>(row),
  );
}

/**
 * Stores a workflow. The same name with another definition makes a new version; the current definition
 * again returns the current version and brings a retired workflow back.
 *
 * @param definition - stages with their owners, dependencies and limits
 * @param options - client
 * @returns the version
 * @throws {@link InvalidDefinition} with path and hint
 */
export async function createWorkflow(definition: WorkflowDefinition, options: CallOptions = {}): Promise<number> {
  return (await callValue("create_workflow", [arg("definition", "jsonb", json(definition))], options)) as number;
}

/** What {@link getWorkflow} may be told. */
export interface GetWorkflowOptions extends CallOptions {
  /** Default: the current one. */
  version?: number | undefined;
}

/**
 * Returns a definition as it was given.
 *
 * @param name - of the workflow
 * @param options - version, client
 * @throws {@link UnknownWorkflow}
 */
export async function getWorkflow(name: string, options: GetWorkflowOptions = {}): Promise<WorkflowDefinition> {
  return (await callValue(
    "get_workflow",
    [arg("name", "text", name), opt("version", "int", options.version)],
    options,
  )) as WorkflowDefinition;
}

/**
 * Takes a workflow out of use: no new tickets, those that are open run on.
 *
 * @param name - of the workflow
 * @param options - client
 * @throws {@link UnknownWorkflow}
 */
export async function retireWorkflow(name: string, options: CallOptions = {}): Promise<void> {
  await callVoid("retire_workflow", [arg("name", "text", name)], options);
}

/**
 * Stages of a ticket whose dependencies are met and that are not finished, in the order of the definition.
 *
 * @param ticket - its number
 * @param options - client
 */
export async function nextStages(ticket: TicketId, options?: CallOptions): Promise<string[]>;
/**
 * The same without a ticket: a stage whose condition is false counts as finished.
 *
 * @param definition - of a workflow
 * @param done - stages that are finished
 * @param data - of the ticket
 * @param options - client
 */
export async function nextStages(
  definition: WorkflowDefinition,
  done: readonly string[],
  data?: JsonObject,
  options?: CallOptions,
): Promise<string[]>;
export async function nextStages(
  of: TicketId | WorkflowDefinition,
  doneOrOptions: readonly string[] | CallOptions = {},
  data?: JsonObject,
  options: CallOptions = {},
): Promise<string[]> {
  if (typeof of === "string") {
    return (await callValues("next_stages", [ticketArg(of)], doneOrOptions as CallOptions)) as string[];
  }
  return (await callValues(
    "next_stages",
    [arg("definition", "jsonb", json(of)), arg("done", "text[]", doneOrOptions), opt("data", "jsonb", json(data))],
    options,
  )) as string[];
}

/** What {@link diagramWorkflow} and {@link diagramTicket} may be told. */
export interface DiagramOptions extends CallOptions {
  /** `mermaid` by default. */
  format?: "mermaid" | "dot" | undefined;
  /** Of the workflow; default: the current one. */
  version?: number | undefined;
}

/**
 * Draws a workflow.
 *
 * @param workflow - its name
 * @param options - format, version, client
 * @returns source for Mermaid or Graphviz
 */
export async function diagramWorkflow(workflow: string, options: DiagramOptions = {}): Promise<string> {
  return (await callValue(
    "diagram",
    // The version is always given, since it is what tells this form from that of a ticket.
    [arg("workflow", "text", workflow), arg("version", "int", options.version ?? null), opt("format", "text", options.format)],
    options,
  )) as string;
}

/**
 * Draws a ticket with the states of its stages.
 *
 * @param ticket - its number
 * @param options - format, client
 * @returns source for Mermaid or Graphviz
 */
export async function diagramTicket(ticket: TicketId, options: Omit<DiagramOptions, "version"> = {}): Promise<string> {
  return (await callValue("diagram", [ticketArg(ticket), opt("format", "text", options.format)], options)) as string;
}

/**
 * Draws a definition that is not created yet.
 *
 * @param definition - of a workflow
 * @param options - format, client
 * @returns source for Mermaid or Graphviz
 * @throws {@link InvalidDefinition}
 */
export async function drawWorkflow(definition: WorkflowDefinition, options: Omit<DiagramOptions, "version"> = {}): Promise<string> {
  return (await callValue(
    "draw_workflow",
    [arg("definition", "jsonb", json(definition)), opt("format", "text", options.format)],
    options,
  )) as string;
}
