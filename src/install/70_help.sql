--------------------------------------------------------------------------------------------------
-- api: help
--------------------------------------------------------------------------------------------------

-- What people do, in this order, and with which functions.
CREATE VIEW oms.help_task (position, task, function) AS
	SELECT l.position::int4, split_part(l.line, ': ', 1), split_part(l.line, ': ', 2)
	FROM unnest(ARRAY[
		'workflows: create_workflow',
		'workflows: validate_workflow',
		'workflows: get_workflow',
		'workflows: retire_workflow',
		'workflows: diagram',
		'workflows: draw_workflow',
		'workflows: next_stages',
		'tickets: open_ticket',
		'tickets: open_tickets',
		'tickets: import_tickets',
		'tickets: get_ticket',
		'tickets: get_timeline',
		'tickets: next_stages',
		'tickets: cancel_ticket',
		'tickets: reopen',
		'tickets: comment',
		'tickets: amend',
		'tickets: attach',
		'tickets: explain',
		'tickets: diagram',
		'citizens: track',
		'citizens: tracking_number',
		'citizens: rotate_tracking_number',
		'citizens: get_timeline',
		'work: claim',
		'work: exchange',
		'work: claim_stage',
		'work: heartbeat',
		'work: release',
		'work: stage_done',
		'work: stages_done',
		'work: stage_failed',
		'work: wait_for_work',
		'work: send_message',
		'people: my_work',
		'people: assign',
		'people: delegate',
		'people: resolve',
		'people: reassign',
		'people: escalate',
		'people: extend',
		'people: hold',
		'people: resume',
		'people: start_stage',
		'people: skip_stage',
		'people: retry_stage',
		'people: send_back',
		'clocks: create_calendar',
		'clocks: calendar_problem',
		'clocks: business_time',
		'clocks: business_add',
		'clocks: us_federal_holidays',
		'clocks: explain_clock',
		'clocks: breached',
		'clocks: tick',
		'clocks: clock',
		'owners and rights: set_owner',
		'owners and rights: set_absence',
		'owners and rights: set_hold_reason',
		'owners and rights: grant_access',
		'owners and rights: revoke_access',
		'reports: sla_report',
		'reports: heat_map',
		'reports: bottlenecks',
		'reports: at_risk',
		'reports: roll_up',
		'reports: changes_since',
		'reports: changes_of',
		'evidence: verify_timeline',
		'evidence: check',
		'evidence: seal',
		'evidence: add_stamp',
		'evidence: verify_seals',
		'evidence: verify_journal',
		'evidence: proof',
		'evidence: erase',
		'evidence: erase_applicant',
		'the server: version',
		'the server: worker_status',
		'the server: worker_errors',
		'the server: enable_cron',
		'the server: disable_cron',
		'the server: activate',
		'the server: set_number_ranges',
		'the server: repair_guards',
		'the server: drop_message',
		'the server: dispatch_channel',
		'the server: help',
		'the server: health',
		'the server: metrics',
		'the server: metrics_text',
		'retention: set_retention',
		'retention: archive'
	]) WITH ORDINALITY AS l (line, position);
COMMENT ON VIEW oms.help_task IS 'for oms.help(): functions by task';

CREATE FUNCTION oms.help(task text DEFAULT NULL) RETURNS TABLE (task text, call text, what text)
	LANGUAGE sql STABLE ROWS 60
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT h.task, format('%s(%s)', h.function, (
				SELECT string_agg(CASE WHEN a.no > p.pronargs - p.pronargdefaults THEN format('[%s]', a.name) ELSE a.name END,
					', ' ORDER BY a.no)
				FROM unnest(p.proargnames[1:p.pronargs]) WITH ORDINALITY AS a (name, no))),
			obj_description(p.oid, 'pg_proc')
		FROM oms.help_task AS h
		JOIN pg_proc AS p ON p.proname = h.function AND p.pronamespace = 'oms'::regnamespace
		WHERE (help.task IS NULL OR h.task = help.task OR h.function = help.task)
			AND has_function_privilege(p.oid, 'EXECUTE')
		ORDER BY h.position, p.oid;
	$$;
COMMENT ON FUNCTION oms.help(text) IS 'the functions that the caller may use, by task, with their arguments ([optional]) and what they do; task: one of the tasks, or the name of a function';

