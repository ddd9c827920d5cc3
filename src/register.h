/*
 * register.h
 *		What the register says, for the library; made from src/install/register by make.
 */
#ifndef OMS_REGISTER_H
#define OMS_REGISTER_H

/* Who may execute or read it: X(schema, name, levels) */
#define OMS_FUNCTIONS(X) \
	X(oms, activate, D) \
	X(oms, archive, D) \
	X(oms, assign, S | D) \
	X(oms, at_risk, M | S | D) \
	X(oms, attach, S | D) \
	X(oms, bottlenecks, M | S | D) \
	X(oms, breached, ALL) \
	X(oms, business_add, S | D) \
	X(oms, business_time, S | D) \
	X(oms, calendar_problem, S | D) \
	X(oms, cancel_ticket, S | D) \
	X(oms, changes_of, M | S | D) \
	X(oms, changes_since, M | S | D) \
	X(oms, check, S | D) \
	X(oms_internal, check_fired, S | D) \
	X(oms_internal, check_open, S | D) \
	X(oms_internal, check_piece, S | D) \
	X(oms_internal, check_us, S | D) \
	X(oms, claim, A | S | D) \
	X(oms, claim_stage, A | S | D) \
	X(oms, clock, M | S | D) \
	X(oms, comment, P | S | D) \
	X(oms, create_calendar, D) \
	X(oms, create_workflow, D) \
	X(oms, delegate, S | D) \
	X(oms, diagram, S | D) \
	X(oms, disable_cron, D) \
	X(oms, dispatch_channel, ALL) \
	X(oms, draw_workflow, S | D) \
	X(oms, enable_cron, D) \
	X(oms, erase, D) \
	X(oms, erase_applicant, D) \
	X(oms, escalate, S | D) \
	X(oms, exchange, A | S | D) \
	X(oms, explain, S | D) \
	X(oms, explain_clock, S | D) \
	X(oms, get_archived_ticket, S | D) \
	X(oms, get_ticket, S | D) \
	X(oms, get_timeline, C | P | S | D) \
	X(oms, get_workflow, S | D) \
	X(oms, grant_access, D) \
	X(oms, health, M | S | D) \
	X(oms, heartbeat, A | S | D) \
	X(oms, heat_map, M | S | D) \
	X(oms, help, ALL) \
	X(oms, hold, S | D) \
	X(oms_internal, known_ticket, S | D) \
	X(oms, metrics, M | S | D) \
	X(oms, metrics_text, M | S | D) \
	X(oms, my_work, S | D) \
	X(oms, next_stages, A | S | D) \
	X(oms, open_ticket, P | S | D) \
	X(oms, open_tickets, P | S | D) \
	X(oms, proof, S | D) \
	X(oms, reassign, S | D) \
	X(oms, release, A | S | D) \
	X(oms, reopen, S | D) \
	X(oms, repair_guards, D) \
	X(oms, resolve, S | D) \
	X(oms, resume, S | D) \
	X(oms, retire_workflow, D) \
	X(oms, retry_stage, S | D) \
	X(oms, revoke_access, D) \
	X(oms, roll_up, D) \
	X(oms, rotate_tracking_number, S | D) \
	X(oms, seal, D) \
	X(oms, send_back, S | D) \
	X(oms, set_absence, S | D) \
	X(oms, set_hold_reason, D) \
	X(oms, set_owner, D) \
	X(oms, set_retention, D) \
	X(oms, skip_stage, S | D) \
	X(oms, sla_report, M | S | D) \
	X(oms, stage_done, A | S | D) \
	X(oms, stage_failed, A | S | D) \
	X(oms, stage_status, M | S | D) \
	X(oms, stages_done, A | S | D) \
	X(oms, start_stage, S | D) \
	X(oms, text, ALL) \
	X(oms, tick, D) \
	X(oms, ticket_id, ALL) \
	X(oms, ticket_id_cmp, ALL) \
	X(oms, ticket_id_eq, ALL) \
	X(oms, ticket_id_ge, ALL) \
	X(oms, ticket_id_gt, ALL) \
	X(oms, ticket_id_hash, ALL) \
	X(oms, ticket_id_hash_extended, ALL) \
	X(oms, ticket_id_larger, ALL) \
	X(oms, ticket_id_le, ALL) \
	X(oms, ticket_id_lt, ALL) \
	X(oms, ticket_id_ne, ALL) \
	X(oms, ticket_id_smaller, ALL) \
	X(oms, ticket_status, M | S | D) \
	X(oms, track, C | P | S | D) \
	X(oms, tracking_number, P | S | D) \
	X(oms, us_federal_holidays, S | D) \
	X(oms, validate_workflow, S | D) \
	X(oms, verify_seals, S | D) \
	X(oms, verify_timeline, S | D) \
	X(oms, version, ALL) \
	X(oms, wait_for_work, A | S | D) \
	X(oms, worker_errors, M | S | D) \
	X(oms, worker_status, M | S | D)

#define OMS_RELATIONS(X) \
	X(oms, workflow, S | D) \
	X(oms, workflow_stage, S | D) \
	X(oms, stage_past, S | D) \
	X(oms, hold, S | D) \
	X(oms, clock_segment, S | D) \
	X(oms, timeline, S | D) \
	X(oms, stage_past_archive, S | D) \
	X(oms, hold_archive, S | D) \
	X(oms, clock_segment_archive, S | D) \
	X(oms, timeline_archive, S | D) \
	X(oms, retention, S | D) \
	X(oms, owner, S | D) \
	X(oms, owner_member, S | D) \
	X(oms, absence, S | D) \
	X(oms, hold_reason, S | D) \
	X(oms, tracking_miss, S | D) \
	X(oms, seals, M | S | D) \
	X(oms, calendar, S | D) \
	X(oms, ticket, S | D) \
	X(oms, stage, S | D) \
	X(oms, rework, S | D) \
	X(oms, archived_ticket, S | D) \
	X(oms, archived_stage, S | D) \
	X(oms, attachment, S | D) \
	X(oms, worker_status, M | S | D) \
	X(oms, worker_errors, M | S | D) \
	X(oms, metrics, M | S | D) \
	X(oms, lake_ticket, M | S | D) \
	X(oms, lake_stage, M | S | D) \
	X(oms, help_task, ALL) \
	X(oms, any_ticket, S | D) \
	X(oms, stage_label, M | S | D) \
	X(oms, open_stage, S | D) \
	X(oms, finished_stage, S | D) \
	X(oms, queue, M | S | D) \
	X(oms, workload, S | D) \
	X(oms, aging, M | S | D) \
	X(oms_internal, check_graph, S | D) \
	X(oms_internal, check_edge, S | D) \
	X(oms_internal, check_move, S | D) \
	X(oms_internal, check_ticket_move, S | D) \
	X(oms_internal, check_step, S | D) \
	X(oms_internal, check_cycle, S | D) \
	X(oms_internal, check_ticket_step, S | D) \
	X(oms_internal, check_ticket_cycle, S | D) \
	X(oms_internal, check_row, S | D) \
	X(oms_internal, check_any_row, S | D) \
	X(oms_internal, check_held, S | D) \
	X(oms_internal, check_stop, S | D) \
	X(oms_internal, check_stops, S | D) \
	X(oms_internal, check_clock_row, S | D) \
	X(oms_internal, check_guard, S | D) \
	X(oms_internal, check_guards, S | D) \
	X(oms_internal, check_event, S | D) \
	X(oms_internal, check_chain, S | D) \
	X(oms_internal, check_counters, S | D) \
	X(oms_internal, check_fold, S | D) \
	X(oms_internal, check_moves, S | D) \
	X(oms_internal, check_dispatch, S | D) \
	X(oms_internal, check_stuck, S | D) \
	X(oms_internal, check_breach, S | D) \
	X(oms_internal, check_calendar, S | D) \
	X(oms_internal, check_calendars, S | D) \
	X(oms_internal, check_segment, S | D) \
	X(oms_internal, check_segments, S | D) \
	X(oms_internal, check_watch, S | D) \
	X(oms_internal, check_clock, S | D) \
	X(oms_internal, check_holds, S | D) \
	X(oms_internal, check_hands, S | D) \
	X(oms_internal, check_timers, S | D) \
	X(oms_internal, check_orphans, S | D) \
	X(oms_internal, check_archive, S | D) \
	X(oms_internal, check_numbers, S | D) \
	X(oms_internal, check_all, S | D)

/* Tables whose size is a metric, those that the worker always needs, and those that only its steps that look back need */
#define OMS_COUNTED_TABLES(X) \
	X(ticket_state) \
	X(stage_state) \
	X(stage_past) \
	X(hold) \
	X(clock_segment) \
	X(timeline) \
	X(ticket_state_archive) \
	X(stage_state_archive) \
	X(stage_past_archive) \
	X(hold_archive) \
	X(clock_segment_archive) \
	X(timeline_archive) \
	X(idempotency) \
	X(seal_leaf) \
	X(rollup)
#define OMS_COUNTED_TABLES_COUNT 15

#define OMS_WORKER_TABLES(X) \
	X(workflow) \
	X(workflow_stage) \
	X(ticket_state) \
	X(stage_state) \
	X(stage_past) \
	X(hold) \
	X(clock_segment) \
	X(timeline) \
	X(owner) \
	X(owner_member) \
	X(absence) \
	X(worker_state) \
	X(calendar) \
	X(rollup) \
	X(rollup_state) \
	X(rollup_ahead)
#define OMS_WORKER_TABLES_COUNT 16

#define OMS_BACKLOG_TABLES(X) \
	X(ticket_state_archive) \
	X(stage_state_archive) \
	X(stage_past_archive) \
	X(hold_archive) \
	X(clock_segment_archive) \
	X(timeline_archive) \
	X(retention) \
	X(seals) \
	X(seal_leaf) \
	X(seal_state) \
	X(passed_over)
#define OMS_BACKLOG_TABLES_COUNT 11

/* Indexes that are no constraints */
#define OMS_INDEXES(X) \
	X(calendar_current) \
	X(calendar_left) \
	X(idempotency_ticket) \
	X(seal_leaf_ticket) \
	X(stage_past_archive_finished) \
	X(stage_past_finished) \
	X(stage_state_archive_finished) \
	X(stage_state_finished) \
	X(stage_state_queue) \
	X(stage_state_timer) \
	X(stage_state_worker) \
	X(ticket_state_applicant) \
	X(ticket_state_archive_applicant) \
	X(ticket_state_archive_words) \
	X(ticket_state_closed) \
	X(ticket_state_open) \
	X(ticket_state_words) \
	X(timeline_archive_told) \
	X(timeline_archive_xid) \
	X(timeline_told) \
	X(timeline_xid) \
	X(workflow_current)
#define OMS_INDEXES_COUNT 22

#endif							/* OMS_REGISTER_H */
