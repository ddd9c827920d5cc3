/**
 * Workflows and tickets of the PostgreSQL extension oms.
 *
 * @packageDocumentation
 */
export { configure, close, withTransaction } from "./connection.js";
export { cellOf, cells } from "./cells.js";
export type { Cell } from "./cells.js";
export { Standby, reader, readerLag, standbyLag } from "./reader.js";
export type { MeasureLag, StandbyOptions } from "./reader.js";
export type { CallOptions, CellOptions, ConnectionOptions, QueryRows, Queryable, ReadConnectionOptions, Transaction, TransactionOptions } from "./connection.js";
export {
  AlreadyClaimed, AppendOnly, BadArgument, CellUnavailable, IdempotencyConflict, InvalidDefinition, OmsError, PermissionDenied, StaleToken,
  UnknownStage, UnknownTicket, UnknownWorkflow, WrongState, asOmsError,
} from "./errors.js";
export * from "./types.js";
export * from "./workflows.js";
export * from "./tickets.js";
export * from "./timeline.js";
export {
  claim, claimStage, dropMessage, exchange, heartbeat, release, sendMessage, stageDone, stageFailed, stagesDone, startStage, waitForWork,
} from "./work.js";
export type {
  ClaimOptions, ClaimStageOptions, Claimed, DoneItem, ExchangeOptions, FailedItem, HeartbeatOptions, NotedOptions, ReleaseOptions, SendMessageOptions, StageDoneOptions, StageFailedOptions,
  WaitOptions,
} from "./work.js";
export * from "./staff.js";
export * from "./admin.js";
export * from "./reports.js";
export * from "./monitor.js";
export { listen } from "./listen.js";
export type { ListenOptions, OmsEvent, Subscription } from "./listen.js";
export { worker } from "./worker.js";
export type { Worker, WorkerCounts, WorkerMode, WorkerOptions } from "./options.js";
export { LeaseLost, StageError, WorkerStopped } from "./job.js";
export type { Handler, Job } from "./job.js";
