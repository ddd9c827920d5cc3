/*
 * oms.h
 *		The vocabulary: enums, structs and limits that every room speaks; nothing else.
 *
 * A workflow is compiled into an OmsGraph.  A ticket that is being changed is an OmsTicket: loaded
 * under its row lock, changed in memory by the engine, written back in one go by the store.
 */
#ifndef OMS_H
#define OMS_H

#include "datatype/timestamp.h"
#include "storage/itemptr.h"
#include "utils/jsonb.h"
#include "utils/jsonpath.h"
#include "utils/numeric.h"

#include "types/ticket_id.h"

struct OmsCalendar;
struct OmsLookup;

#define OMS_VERSION				"1.0"

#define OMS_MAX_STAGES			4096
#define OMS_MAX_NAME			63	/* bytes of a workflow, stage, owner, worker or calendar name */
#define OMS_MAX_LABEL			200 /* bytes of a public label */
#define OMS_MAX_DESCRIPTION		4000
#define OMS_HASH_LEN			32
#define OMS_SALT_LEN			16

/*
 * The ticket itself, where a stage number is asked for.  If it has a clock, that is a stage of this
 * number: one that nobody works on.
 */
#define OMS_NO_STAGE			0

/* ---- workflow ---- */

typedef enum OmsEscalationUnit
{
	OMS_AT_PERCENT,				/* of the limit, 100 is the due time */
	OMS_AT_MINUTES				/* after the due time */
} OmsEscalationUnit;

typedef struct OmsEscalationStep
{
	OmsEscalationUnit unit;
	int			at;
	const char *notify;			/* NULL: nobody */
	const char *reassign_to;	/* NULL: stays */
	int			every_mins;		/* 0: once */
	int			max_times;		/* 0: no end */
	Jsonb	   *finish_with;	/* output with which the stage is then done, NULL: it is not */
} OmsEscalationStep;

/* A jsonpath on the data of a ticket and, as $stages, the outputs of its stages */
typedef struct OmsPath
{
	JsonPath   *path;			/* NULL: none */
	bool		uses_stages;
	struct List *names;			/* ids it names after $stages (char *) */
	bool		all_stages;		/* or it may use any of them */
} OmsPath;

/* One entry of "sla": a time limit that counts if the condition is true */
typedef struct OmsLimitRule
{
	OmsPath		when;			/* always strict; without a path: else */
	int			mins;			/* -1: in days */
	int			days;			/* -1: in minutes */
} OmsLimitRule;

/* One stage of a workflow.  Stages are numbered from 1 in definition order; deps hold numbers. */
typedef struct OmsStageDef
{
	const char *id;
	const char *owner;
	const char *label;			/* NULL: the id */
	const char *public_owner;	/* NULL: hidden */
	const char *calendar;		/* NULL: the workflow's */
	int			sla_mins;		/* -1: none */
	int			sla_days;		/* -1: none */
	int			nrules;
	OmsLimitRule *rules;		/* in place of both */
	OmsPath		due_at;			/* gives the moment by which it is due */

	int			ndeps;
	int		   *deps;
	int			need;			/* how many of deps must be finished */
	uint8	   *dep_mask;		/* deps as a set, if they are many; else NULL */
	int			ndependants;
	int		   *dependants;

	Numeric		min_amount;		/* NULL: none */
	OmsPath		when;			/* always strict */

	int			max_attempts;
	int			backoff_secs;
	double		factor;
	int			max_secs;

	int			nwarn;
	int		   *warn_at;		/* percentages, ascending */
	int			nsteps;
	OmsEscalationStep *steps;

	int			not_same_as;	/* stage number, 0: none */
	int			nothers;		/* all stages that another has to do: the one named, and those that
								 * name this one */
	int		   *others;
	bool		manual;
	int			delay_mins;		/* open time before it is queued, -1: none */
	OmsPath		start_at;		/* gives the moment before which it is not queued */
	const char *message;		/* name of the message that finishes it, NULL: none */
	OmsPath		message_key;	/* gives its key; none: the ticket's number */
} OmsStageDef;

typedef struct OmsGraph
{
	int			workflow_id;	/* 0: not stored */
	int			version;		/* 0: not stored */
	const char *name;
	const char *prefix;			/* as given or worked out from the name */
	const char *description;
	const char *owner;			/* NULL: nobody */
	const char *calendar;		/* NULL: 24x7 */
	int			sla_mins;		/* of the whole ticket, -1: none */
	int			sla_days;		/* likewise */
	int			nstages;
	OmsStageDef *stages;		/* [0] is stage number 1 */
	int		   *by_id;			/* stage numbers sorted by id, for oms_graph_find */
	bool		uses_stages;	/* some path uses $stages */
	bool		has_dates;		/* some date comes from the data alone */
	bool		has_messages;	/* some stage waits for a message */
	int			nrefs;			/* stages whose outputs paths name, by number */
	int		   *refs;
	struct List *by_law;		/* numbers of the stages that a step of their escalation finishes */
	struct List *calendars;		/* names that it or its stages give (char *), each once */
} OmsGraph;

#define oms_graph_stage(graph, no)	(&(graph)->stages[(no) - 1])

/* ---- states ---- */

/* Stored in stage_state.status; the order is that of the columns in engine/lifecycle.c */
typedef enum OmsStageStatus
{
	OMS_WAITING = 'w',
	OMS_AWAITING = 'a',
	OMS_QUEUED = 'q',
	OMS_IN_PROGRESS = 'p',
	OMS_STAGE_HELD = 'h',
	OMS_STAGE_DONE = 'd',
	OMS_SKIPPED = 's',
	OMS_STAGE_FAILED = 'f',
	OMS_STAGE_CANCELLED = 'x',
	OMS_TICKET_CLOCK = 't'		/* stage 0: the clock of the ticket */
} OmsStageStatus;

/* Stored in ticket_state.status */
typedef enum OmsTicketStatus
{
	OMS_TICKET_OPEN = 'o',
	OMS_TICKET_HELD = 'h',
	OMS_TICKET_DONE = 'd',
	OMS_TICKET_FAILED = 'f',
	OMS_TICKET_CANCELLED = 'x'
} OmsTicketStatus;

/* What can happen to a stage; the rows of the table in engine/lifecycle.c */
typedef enum OmsVerb
{
	OMS_CLAIM,
	OMS_CLAIM_STAGE,
	OMS_HEARTBEAT,
	OMS_RELEASE,
	OMS_FINISH,
	OMS_FAIL,
	OMS_SKIP,
	OMS_RETRY,
	OMS_START,
	OMS_ASSIGN,
	OMS_DELEGATE,
	OMS_RESOLVE,
	OMS_HOLD,
	OMS_RESUME,
	OMS_SEND_BACK,
	OMS_SEND_BACK_TO,
	OMS_REOPEN,
	OMS_REASSIGN,
	OMS_ESCALATE,
	OMS_ESCALATE_TO,
	OMS_EXTEND,
	OMS_EXPIRE,
	OMS_CANCEL,
	OMS_COMMENT
} OmsVerb;

/* What the timeline says; names and visibility stand in engine/event.c */
typedef enum OmsEventKind
{
	OMS_EV_OPENED,
	OMS_EV_IMPORTED,
	OMS_EV_AWAITING,
	OMS_EV_QUEUED,
	OMS_EV_IN_PROGRESS,
	OMS_EV_RELEASED,
	OMS_EV_LEASE_EXPIRED,
	OMS_EV_RETRY,
	OMS_EV_ASSIGNED,
	OMS_EV_UNASSIGNED,
	OMS_EV_REASSIGNED,
	OMS_EV_DELEGATED,
	OMS_EV_RESOLVED,
	OMS_EV_ON_HOLD,
	OMS_EV_HOLD_LIFTED,
	OMS_EV_RESUMED,
	OMS_EV_SENT_BACK,
	OMS_EV_REOPENED,
	OMS_EV_DONE,
	OMS_EV_SKIPPED,
	OMS_EV_FAILED,
	OMS_EV_CANCELLED,
	OMS_EV_EXTENDED,
	OMS_EV_CLOCK_CHANGED,
	OMS_EV_NO_DUE_TIME,
	OMS_EV_WARNING,
	OMS_EV_BREACHED,
	OMS_EV_ESCALATED,
	OMS_EV_UNROUTED,
	OMS_EV_ATTACHED,
	OMS_EV_COMMENT,
	OMS_EV_CHANGED,
	OMS_EV_AMENDED,
	OMS_EV_ERASED,
	OMS_EV_TICKET_DONE,
	OMS_EV_TICKET_CANCELLED,
	OMS_EV_TICKET_FAILED,
	OMS_EV_TICKET_HELD,
	OMS_EV_TICKET_RESUMED
} OmsEventKind;

/* A timestamp that is not there; stored as NULL */
#define OMS_NEVER		DT_NOBEGIN

/* A date that is not there; stored as NULL */
#define OMS_NO_DATE		PG_INT32_MIN

/* A limit that is not in days; stored as NULL */
#define OMS_NO_DAYS		(-1)

/* Where the limit of a clock comes from, if from no rule: slaMins or slaDays, stored as NULL; or dueAt */
#define OMS_LIMIT_FIXED		(-1)
#define OMS_LIMIT_BY_DATE	0

/* ---- a ticket in the middle of a change ---- */

/* A length of time that is not there; stored as NULL */
#define OMS_NO_LENGTH	(-1)

/* One row of stage_state */
typedef struct OmsStage
{
	int			no;
	char		status;			/* OmsStageStatus */
	char		held_from;		/* OmsStageStatus to which it returns from on hold; else 0 */
	const char *owner;
	const char *worker;			/* NULL: nobody has it, or never said a name */
	const char *delegated_by;	/* worker to whom it comes back; else NULL */
	const char *finished_by;	/* role of a person that finished it for its worker; else NULL */
	int			priority;
	int			attempt;		/* from 1, within the cycle */
	int			cycle;			/* from 1 */
	int			level;			/* escalations of this cycle */
	int64		token;			/* the last one given out in this cycle, 0: none */
	int			output_seq;		/* timeline number of the event that carries the output, 0: {} */
	TimestampTz awaiting_at;	/* first in this cycle */
	TimestampTz wake_at;		/* awaiting, also on hold: its moment, or when its message is looked for again */
	TimestampTz queued_at;		/* first in this cycle */
	TimestampTz ready_at;		/* claimable from then on; orders the queue */
	TimestampTz announce_at;	/* a dispatch that is still to come */
	TimestampTz started_at;
	TimestampTz finished_at;
	TimestampTz lease_until;
	TimestampTz due_at;
	TimestampTz breached_at;	/* when that was recorded */
	TimestampTz timer_at;		/* nothing happens by itself before then */
	TimestampTz held_at;		/* on hold since then */
	TimestampTz resume_at;		/* the first of its own holds ends by itself then */
	const char *waits_for;		/* awaiting, also on hold: name of a message, else NULL */
	const char *waits_key;		/* and its key; NULL: erased */
	int64		held_us;		/* time on hold before held_at */
	int64		lease_us;		/* length of its lease, OMS_NO_LENGTH: none */

	/* the clock (engine/stopwatch.c) and what it has set off (engine/catch_up.c) */
	const struct OmsCalendar *calendar; /* NULL: always open */
	TimestampTz running_since;	/* OMS_NEVER: it stands, or there is none */
	TimestampTz paused_at;		/* since when it stands, or stood at the end */
	int64		limit_us;		/* open time that it allows, OMS_NO_LENGTH: no clock */
	int64		consumed_us;	/* open time used up before running_since */
	int			consumed_days;	/* open dates used up before running_since */
	int			limit_days;		/* open dates that it allows, OMS_NO_DAYS: its limit is open time */
	int			limit_by;		/* number of the rule that gave the limit, or one of the following */
	int			last_date;		/* the last that was used up or does not count, OMS_NO_DATE: no limit in days */
	int			warned;			/* thresholds that have passed */
	int		   *steps;			/* how often each escalation step has fired; NULL: none has */

	bool		stored;			/* has a row at tid */
	bool		changed;		/* differs from that row */
	bool		written;		/* by this change */
	ItemPointerData tid;
	struct OmsStage *next;		/* all stages that this change has touched */
} OmsStage;

/* One event of the timeline, to be appended */
typedef struct OmsEvent
{
	OmsEventKind kind;
	int			seq;
	int			stage;			/* OMS_NO_STAGE: the ticket */
	int			cycle;
	int			attempt;
	bool		public;
	const char *owner;
	const char *worker;
	const char *note;
	Jsonb	   *payload;		/* data of the ticket, output of the stage, {"told": owner} */
	struct OmsEvent *next;
} OmsEvent;

/* One hold of a stage or ticket; a row of oms.hold */
typedef struct OmsHold
{
	int			seq;			/* event that put it on hold */
	int			stage;			/* OMS_NO_STAGE: the ticket */
	bool		stops_clock;
	const char *reason;
	const char *waiting_on;		/* NULL: not said */
	const char *label;			/* what citizens are told, NULL: nothing */
	TimestampTz held_at;
	TimestampTz until;			/* ends by itself then */
	TimestampTz lifted_at;		/* OMS_NEVER: it holds */

	bool		stored;
	bool		changed;
	ItemPointerData tid;
	struct OmsHold *next;
} OmsHold;

/* One piece of a clock that has ended; a row of oms.clock_segment */
typedef struct OmsSegment
{
	int			seq;			/* event that ended it */
	int			stage;
	int			cycle;
	const struct OmsCalendar *calendar;
	TimestampTz started_at;
	TimestampTz ended_at;
	int64		open_us;
	bool		ran;			/* false: the clock stood */
	struct OmsSegment *next;
} OmsSegment;

/* A stage that was taken back, and the stage that has to be done again before it */
typedef struct OmsRework
{
	int			stage;
	int			back_to;
} OmsRework;

/* One event for listeners */
typedef enum OmsChannel
{
	OMS_DISPATCH,
	OMS_ALERT,
	OMS_STATUS
} OmsChannel;

typedef struct OmsNotification
{
	OmsChannel	channel;
	int			stage;			/* OMS_NO_STAGE: the ticket */
	const char *owner;			/* of a dispatch */
	const char *word;			/* kind of an alert, status of a status */
	int			number;			/* attempt of a dispatch, level of an alert */
	bool		untraced;		/* no event of the timeline goes with it */
	TimestampTz due;			/* of an alert that a clock set off: when it was due */
	struct OmsNotification *next;
} OmsNotification;

/* One row of ticket_state, what was loaded with it, and what is to be written */
typedef struct OmsTicket
{
	OmsTicketId id;
	const OmsGraph *graph;
	char		status;			/* OmsTicketStatus */
	int			priority;
	int			seq;			/* number of the last event */
	int			data_seq;		/* event that carries the data */
	int			n_active;		/* stages awaiting, queued, in progress or on hold */
	int			n_failed;
	int			n_holds;		/* holds of the whole ticket */
	int			output_bytes;	/* of the outputs of all stages that are done */
	bool		waiting_rows;	/* some waiting stage has a row */
	bool		has_clock;		/* it has a row as stage 0 */
	TimestampTz opened_at;
	TimestampTz closed_at;
	TimestampTz last_at;		/* time of the last event */
	uint64		watermark;		/* number of the transaction that it is filed under, see store/timeline.c */
	uint8		head[OMS_HASH_LEN];
	struct OmsStageSet *finished;	/* done and skipped */
	struct OmsStageSet *started;	/* every stage that is not waiting */
	OmsRework  *reworks;		/* oldest first; none once back_to is finished */
	int			nreworks;
	const char *applicant;		/* written at opening only */
	const char *opened_by;		/* likewise */

	TimestampTz real_now;		/* the one reading of the clock of this change */
	TimestampTz now;			/* the same, but never earlier than the last event */
	Jsonb	   *data;			/* NULL: not loaded */
	Jsonb	   *outputs;		/* {"stages": {id: output}} of what conditions name; NULL: not loaded */

	bool		stored;
	bool		archived;		/* its rows are in the archive: it can be looked at only */
	bool		in_past;		/* it lives through what was elsewhere: nobody is offered anything yet */
	bool		as_told;		/* how its stages ended is known: none is done by law */
	ItemPointerData tid;
	const struct OmsLookup *lookup; /* what the engine may ask for */
	OmsStage   *stages;			/* loaded or made, in that order */
	OmsStage   *last_stage;
	OmsStage   *clock;			/* stage 0, loaded or made */
	OmsStage  **by_no;			/* the same by number - 1, once they are many */
	int			nstages;
	bool		holds_loaded;
	OmsHold    *holds;
	OmsSegment *segments;		/* to be appended */
	OmsStage   *past;			/* cycles that ended by another one, to be appended */
	OmsEvent   *events;
	OmsEvent   *last_event;
	OmsNotification *notifications;
	OmsNotification *last_notification;
} OmsTicket;

/* Takes a row of a result */
typedef void (*OmsRowReport) (void *context, Datum *values, bool *nulls);

#endif							/* OMS_H */
