/*
 * register.h
 *		What the register says, for the library; made from src/install/register by make.
 */
#ifndef OMS_REGISTER_H
#define OMS_REGISTER_H

/* Who may execute or read it: X(name, levels) */
#define OMS_FUNCTIONS(X) \
	X(activate, D) \
	X(archive, D) \
	X(assign, S | D) \
	X(at_risk, M | S | D) \
	X(attach, S | D) \
	X(bottlenecks, M | S | D) \
	X(breached, ALL) \
	X(business_add, S | D) \
	X(business_time, S | D) \
	X(calendar_problem, S | D) \
	X(cancel_ticket, S | D) \
	X(changes_of, M | S | D) \
	X(changes_since, M | S | D) \
	X(check, S | D) \
	X(check_fired, S | D) \
	X(check_open, S | D) \
	X(check_piece, S | D) \
	X(check_us, S | D) \
	X(claim, A | S | D) \
	X(claim_stage, A | S | D) \
	X(clock, M | S | D) \
	X(comment, P | S | D) \
	X(create_calendar, D) \
	X(create_workflow, D) \
	X(delegate, S | D) \
	X(diagram, S | D) \
	X(disable_cron, D) \
	X(dispatch_channel, ALL) \
	X(draw_workflow, S | D) \
	X(enable_cron, D) \
	X(erase, D) \
	X(erase_applicant, D) \
	X(escalate, S | D) \
	X(exchange, A | S | D) \
	X(explain, S | D) \
	X(explain_clock, S | D) \
	X(get_archived_ticket, S | D) \
	X(get_ticket, S | D) \
	X(get_timeline, C | P | S | D) \
	X(get_workflow, S | D) \
	X(grant_access, D) \
	X(health, M | S | D) \
	X(heartbeat, A | S | D) \
	X(heat_map, M | S | D) \
	X(help, ALL) \
	X(hold, S | D) \
	X(known_ticket, S | D) \
	X(metrics, M | S | D) \
	X(metrics_text, M | S | D) \
	X(my_work, S | D) \
	X(next_stages, A | S | D) \
	X(open_ticket, P | S | D) \
	X(open_tickets, P | S | D) \
	X(proof, S | D) \
	X(reassign, S | D) \
	X(release, A | S | D) \
	X(reopen, S | D) \
	X(repair_guards, D) \
	X(resolve, S | D) \
	X(resume, S | D) \
	X(retire_workflow, D) \
	X(retry_stage, S | D) \
	X(revoke_access, D) \
	X(roll_up, D) \
	X(rotate_tracking_number, S | D) \
	X(seal, D) \
	X(send_back, S | D) \
	X(set_absence, S | D) \
	X(set_hold_reason, D) \
	X(set_owner, D) \
	X(set_retention, D) \
	X(skip_stage, S | D) \
	X(sla_report, M | S | D) \
	X(stage_done, A | S | D) \
	X(stage_failed, A | S | D) \
	X(stage_status, M | S | D) \
	X(stages_done, A | S | D) \
	X(start_stage, S | D) \
	X(text, ALL) \
	X(tick, D) \
	X(ticket_id, ALL) \
	X(ticket_id_cmp, ALL) \
	X(ticket_id_eq, ALL) \
	X(ticket_id_ge, ALL) \
	X(ticket_id_gt, ALL) \
	X(ticket_id_hash, ALL) \
	X(ticket_id_hash_extended, ALL) \
	X(ticket_id_le, ALL) \
	X(ticket_id_lt, ALL) \
	X(ticket_id_ne, ALL) \
	X(ticket_status, M | S | D) \
	X(track, C | P | S | D) \
	X(tracking_number, P | S | D) \
	X(us_federal_holidays, S | D) \
	X(validate_workflow, S | D) \
	X(verify_seals, S | D) \
	X(verify_timeline, S | D) \
	X(version, ALL) \
	X(wait_for_work, A | S | D) \
	X(worker_errors, M | S | D) \
	X(worker_status, M | S | D)

#define OMS_RELATIONS(X) \
	X(workflow, S | D) \
	X(workflow_stage, S | D) \
	X(stage_past, S | D) \
	X(hold, S | D) \
	X(clock_segment, S | D) \
	X(timeline, S | D) \
	X(stage_past_archive, S | D) \
	X(hold_archive, S | D) \
	X(clock_segment_archive, S | D) \
	X(timeline_archive, S | D) \
	X(retention, S | D) \
	X(owner, S | D) \
	X(owner_member, S | D) \
	X(absence, S | D) \
	X(hold_reason, S | D) \
	X(tracking_miss, S | D) \
	X(seals, M | S | D) \
	X(calendar, S | D) \
	X(ticket, S | D) \
	X(stage, S | D) \
	X(rework, S | D) \
	X(archived_ticket, S | D) \
	X(archived_stage, S | D) \
	X(attachment, S | D) \
	X(worker_status, M | S | D) \
	X(worker_errors, M | S | D) \
	X(metrics, M | S | D) \
	X(lake_ticket, M | S | D) \
	X(lake_stage, M | S | D) \
	X(help_task, ALL) \
	X(any_ticket, S | D) \
	X(stage_label, M | S | D) \
	X(open_stage, S | D) \
	X(finished_stage, S | D) \
	X(queue, M | S | D) \
	X(workload, S | D) \
	X(aging, M | S | D) \
	X(check_graph, S | D) \
	X(check_edge, S | D) \
	X(check_move, S | D) \
	X(check_ticket_move, S | D) \
	X(check_step, S | D) \
	X(check_cycle, S | D) \
	X(check_ticket_step, S | D) \
	X(check_ticket_cycle, S | D) \
	X(check_row, S | D) \
	X(check_any_row, S | D) \
	X(check_held, S | D) \
	X(check_stop, S | D) \
	X(check_stops, S | D) \
	X(check_clock_row, S | D) \
	X(check_guard, S | D) \
	X(check_guards, S | D) \
	X(check_event, S | D) \
	X(check_chain, S | D) \
	X(check_counters, S | D) \
	X(check_fold, S | D) \
	X(check_moves, S | D) \
	X(check_dispatch, S | D) \
	X(check_stuck, S | D) \
	X(check_breach, S | D) \
	X(check_calendar, S | D) \
	X(check_calendars, S | D) \
	X(check_segment, S | D) \
	X(check_segments, S | D) \
	X(check_watch, S | D) \
	X(check_clock, S | D) \
	X(check_holds, S | D) \
	X(check_hands, S | D) \
	X(check_timers, S | D) \
	X(check_orphans, S | D) \
	X(check_archive, S | D) \
	X(check_numbers, S | D) \
	X(check_all, S | D)

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
	X(seal_state)
#define OMS_BACKLOG_TABLES_COUNT 10

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
	X(ticket_state_closed) \
	X(ticket_state_open) \
	X(timeline_archive_told) \
	X(timeline_archive_xid) \
	X(timeline_told) \
	X(timeline_xid) \
	X(workflow_current)
#define OMS_INDEXES_COUNT 20

#endif							/* OMS_REGISTER_H */
