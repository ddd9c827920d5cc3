/*
 * register.h
 *		What the register says, for the library; made from src/install/register by make.
 */
#ifndef OMS_REGISTER_H
#define OMS_REGISTER_H

/* Who may execute or read it: schema, name, levels */
#define OMS_FUNCTIONS \
	{"oms", "activate", D}, \
	{"oms", "add_stamp", D}, \
	{"oms", "amend", S | D}, \
	{"oms", "archive", D}, \
	{"oms", "assign", S | D}, \
	{"oms", "at_risk", M | S | D}, \
	{"oms", "attach", S | D}, \
	{"oms", "bottlenecks", M | S | D}, \
	{"oms", "breached", ALL}, \
	{"oms", "business_add", S | D}, \
	{"oms", "business_time", S | D}, \
	{"oms", "calendar_problem", S | D}, \
	{"oms", "cancel_ticket", S | D}, \
	{"oms", "changes_of", M | S | D}, \
	{"oms", "changes_since", M | S | D}, \
	{"oms", "check", S | D}, \
	{"oms_internal", "check_fired", S | D}, \
	{"oms_internal", "check_law", S | D}, \
	{"oms_internal", "check_limit", S | D}, \
	{"oms_internal", "check_more", S | D}, \
	{"oms_internal", "check_open", S | D}, \
	{"oms_internal", "check_piece", S | D}, \
	{"oms_internal", "check_since", S | D}, \
	{"oms_internal", "check_time", S | D}, \
	{"oms_internal", "check_us", S | D}, \
	{"oms_internal", "check_when", S | D}, \
	{"oms", "claim", A | S | D}, \
	{"oms", "claim_stage", A | S | D}, \
	{"oms", "clock", M | S | D}, \
	{"oms", "comment", P | S | D}, \
	{"oms", "create_calendar", D}, \
	{"oms", "create_workflow", D}, \
	{"oms", "delegate", S | D}, \
	{"oms", "diagram", S | D}, \
	{"oms", "disable_cron", D}, \
	{"oms", "dispatch_channel", ALL}, \
	{"oms", "draw_workflow", S | D}, \
	{"oms", "drop_message", D}, \
	{"oms", "enable_cron", D}, \
	{"oms", "erase", D}, \
	{"oms", "erase_applicant", D}, \
	{"oms", "escalate", S | D}, \
	{"oms", "extend", S | D}, \
	{"oms", "exchange", A | S | D}, \
	{"oms", "explain", S | D}, \
	{"oms_internal", "explain", S | D}, \
	{"oms", "explain_clock", S | D}, \
	{"oms", "get_archived_ticket", S | D}, \
	{"oms", "get_ticket", S | D}, \
	{"oms_internal", "get_ticket", S | D}, \
	{"oms", "get_timeline", C | P | S | D}, \
	{"oms", "get_workflow", S | D}, \
	{"oms", "grant_access", D}, \
	{"oms", "health", M | S | D}, \
	{"oms", "heartbeat", A | S | D}, \
	{"oms", "heat_map", M | S | D}, \
	{"oms", "help", ALL}, \
	{"oms", "hold", S | D}, \
	{"oms", "import_tickets", D}, \
	{"oms", "metrics", M | S | D}, \
	{"oms", "metrics_text", M | S | D}, \
	{"oms", "my_work", S | D}, \
	{"oms", "next_stages", A | S | D}, \
	{"oms", "open_ticket", P | S | D}, \
	{"oms", "open_tickets", P | S | D}, \
	{"oms", "proof", S | D}, \
	{"oms", "reassign", S | D}, \
	{"oms", "release", A | S | D}, \
	{"oms", "reopen", S | D}, \
	{"oms", "repair_guards", D}, \
	{"oms", "resolve", S | D}, \
	{"oms", "resume", S | D}, \
	{"oms", "retire_workflow", D}, \
	{"oms", "retry_stage", S | D}, \
	{"oms", "revoke_access", D}, \
	{"oms", "roll_up", D}, \
	{"oms", "rotate_tracking_number", S | D}, \
	{"oms", "seal", D}, \
	{"oms", "send_back", S | D}, \
	{"oms", "send_message", P | A | S | D}, \
	{"oms", "set_absence", S | D}, \
	{"oms", "set_hold_reason", D}, \
	{"oms", "set_number_ranges", D}, \
	{"oms", "set_owner", D}, \
	{"oms", "set_retention", D}, \
	{"oms", "skip_stage", S | D}, \
	{"oms", "sla_report", M | S | D}, \
	{"oms", "stage_done", A | S | D}, \
	{"oms", "stage_failed", A | S | D}, \
	{"oms", "stage_status", M | S | D}, \
	{"oms", "stages_done", A | S | D}, \
	{"oms", "start_stage", S | D}, \
	{"oms", "text", ALL}, \
	{"oms", "tick", D}, \
	{"oms", "ticket_id", ALL}, \
	{"oms", "ticket_id_cmp", ALL}, \
	{"oms", "ticket_id_eq", ALL}, \
	{"oms", "ticket_id_ge", ALL}, \
	{"oms", "ticket_id_gt", ALL}, \
	{"oms", "ticket_id_hash", ALL}, \
	{"oms", "ticket_id_hash_extended", ALL}, \
	{"oms", "ticket_id_larger", ALL}, \
	{"oms", "ticket_id_le", ALL}, \
	{"oms", "ticket_id_lt", ALL}, \
	{"oms", "ticket_id_ne", ALL}, \
	{"oms", "ticket_id_smaller", ALL}, \
	{"oms", "ticket_status", M | S | D}, \
	{"oms", "track", C | P | S | D}, \
	{"oms", "tracking_number", P | S | D}, \
	{"oms", "us_federal_holidays", S | D}, \
	{"oms", "validate_workflow", S | D}, \
	{"oms", "verify_journal", S | D}, \
	{"oms", "verify_seals", S | D}, \
	{"oms", "verify_timeline", S | D}, \
	{"oms", "version", ALL}, \
	{"oms", "wait_for_work", A | S | D}, \
	{"oms", "worker_errors", M | S | D}, \
	{"oms", "worker_status", M | S | D}, \
	{"oms_internal", "would_run", S | D}

#define OMS_RELATIONS \
	{"oms", "workflow", S | D}, \
	{"oms", "workflow_stage", S | D}, \
	{"oms", "stage_past", S | D}, \
	{"oms", "hold", S | D}, \
	{"oms", "clock_segment", S | D}, \
	{"oms", "timeline", S | D}, \
	{"oms", "stage_past_archive", S | D}, \
	{"oms", "hold_archive", S | D}, \
	{"oms", "clock_segment_archive", S | D}, \
	{"oms", "timeline_archive", S | D}, \
	{"oms", "journal", S | D}, \
	{"oms", "retention", S | D}, \
	{"oms", "owner", S | D}, \
	{"oms", "owner_member", S | D}, \
	{"oms", "absence", S | D}, \
	{"oms", "hold_reason", S | D}, \
	{"oms", "number_range", ALL}, \
	{"oms", "tracking_miss", S | D}, \
	{"oms", "seals", M | S | D}, \
	{"oms", "seal_stamp", M | S | D}, \
	{"oms", "calendar", S | D}, \
	{"oms", "ticket", S | D}, \
	{"oms", "stage", S | D}, \
	{"oms", "message", S | D}, \
	{"oms", "rework", S | D}, \
	{"oms", "archived_ticket", S | D}, \
	{"oms", "archived_stage", S | D}, \
	{"oms", "attachment", S | D}, \
	{"oms", "worker_status", M | S | D}, \
	{"oms", "worker_errors", M | S | D}, \
	{"oms", "metrics", M | S | D}, \
	{"oms", "lake_ticket", M | S | D}, \
	{"oms", "lake_stage", M | S | D}, \
	{"oms", "help_task", ALL}, \
	{"oms", "any_ticket", S | D}, \
	{"oms", "stage_label", M | S | D}, \
	{"oms", "open_stage", S | D}, \
	{"oms", "finished_stage", S | D}, \
	{"oms", "queue", M | S | D}, \
	{"oms", "workload", S | D}, \
	{"oms", "aging", M | S | D}, \
	{"oms_internal", "check_graph", S | D}, \
	{"oms_internal", "check_import", S | D}, \
	{"oms_internal", "check_edge", S | D}, \
	{"oms_internal", "check_move", S | D}, \
	{"oms_internal", "check_ticket_move", S | D}, \
	{"oms_internal", "check_step", S | D}, \
	{"oms_internal", "check_cycle", S | D}, \
	{"oms_internal", "check_ticket_step", S | D}, \
	{"oms_internal", "check_ticket_cycle", S | D}, \
	{"oms_internal", "check_row", S | D}, \
	{"oms_internal", "check_any_row", S | D}, \
	{"oms_internal", "check_held", S | D}, \
	{"oms_internal", "check_stop", S | D}, \
	{"oms_internal", "check_stops", S | D}, \
	{"oms_internal", "check_clock_row", S | D}, \
	{"oms_internal", "check_guard", S | D}, \
	{"oms_internal", "check_guards", S | D}, \
	{"oms_internal", "check_event", S | D}, \
	{"oms_internal", "check_chain", S | D}, \
	{"oms_internal", "check_counters", S | D}, \
	{"oms_internal", "check_fold", S | D}, \
	{"oms_internal", "check_moves", S | D}, \
	{"oms_internal", "check_dispatch", S | D}, \
	{"oms_internal", "check_stuck", S | D}, \
	{"oms_internal", "check_breach", S | D}, \
	{"oms_internal", "check_calendar", S | D}, \
	{"oms_internal", "check_calendars", S | D}, \
	{"oms_internal", "check_segment", S | D}, \
	{"oms_internal", "check_segments", S | D}, \
	{"oms_internal", "check_watch", S | D}, \
	{"oms_internal", "check_clock", S | D}, \
	{"oms_internal", "check_holds", S | D}, \
	{"oms_internal", "check_hands", S | D}, \
	{"oms_internal", "check_timers", S | D}, \
	{"oms_internal", "check_orphans", S | D}, \
	{"oms_internal", "check_archive", S | D}, \
	{"oms_internal", "check_numbers", S | D}, \
	{"oms_internal", "journal_right", S | D}, \
	{"oms_internal", "journal_state", S | D}, \
	{"oms_internal", "check_journal", S | D}, \
	{"oms_internal", "check_all", S | D}

/* Tables whose size is a metric, those that the worker always needs, and those that only its steps that look back need */
#define OMS_COUNTED_TABLES \
	"ticket_state", \
	"stage_state", \
	"stage_past", \
	"hold", \
	"clock_segment", \
	"timeline", \
	"ticket_state_archive", \
	"stage_state_archive", \
	"stage_past_archive", \
	"hold_archive", \
	"clock_segment_archive", \
	"timeline_archive", \
	"journal", \
	"idempotency", \
	"kept_message", \
	"message_id", \
	"seal_leaf", \
	"rollup"
#define OMS_COUNTED_TABLES_COUNT 18

#define OMS_WORKER_TABLES \
	"workflow", \
	"workflow_stage", \
	"ticket_state", \
	"stage_state", \
	"stage_past", \
	"hold", \
	"clock_segment", \
	"timeline", \
	"kept_message", \
	"message_id", \
	"owner", \
	"owner_member", \
	"absence", \
	"worker_state", \
	"calendar", \
	"rollup", \
	"rollup_state", \
	"rollup_ahead"
#define OMS_WORKER_TABLES_COUNT 18

#define OMS_BACKLOG_TABLES \
	"ticket_state_archive", \
	"stage_state_archive", \
	"stage_past_archive", \
	"hold_archive", \
	"clock_segment_archive", \
	"timeline_archive", \
	"journal", \
	"retention", \
	"seals", \
	"seal_leaf", \
	"seal_state", \
	"passed_over"
#define OMS_BACKLOG_TABLES_COUNT 12

/* Indexes that are no constraints */
#define OMS_INDEXES \
	"calendar_current", \
	"calendar_left", \
	"idempotency_ticket", \
	"kept_message_expires", \
	"kept_message_key", \
	"kept_message_pending", \
	"kept_message_sender", \
	"message_id_ticket", \
	"message_id_until", \
	"seal_leaf_ticket", \
	"stage_past_archive_finished", \
	"stage_past_finished", \
	"stage_state_archive_finished", \
	"stage_state_awaiting", \
	"stage_state_finished", \
	"stage_state_late", \
	"stage_state_queue", \
	"stage_state_timer", \
	"stage_state_worker", \
	"ticket_state_applicant", \
	"ticket_state_archive_applicant", \
	"ticket_state_archive_words", \
	"ticket_state_closed", \
	"ticket_state_open", \
	"ticket_state_words", \
	"timeline_archive_told", \
	"timeline_archive_watermark", \
	"timeline_told", \
	"timeline_watermark", \
	"workflow_current"
#define OMS_INDEXES_COUNT 30

#endif							/* OMS_REGISTER_H */
