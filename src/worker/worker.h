/*
 * worker.h
 *		What the files of the worker share: its state, its steps, what it does in turn.
 */
#ifndef OMS_WORKER_H
#define OMS_WORKER_H

#include "utils/hsearch.h"

#include "shared/shared.h"
#include "store/walk.h"
#include "worker/announce.h"

/* Pauses, in milliseconds */
#define OMS_BUSY_MS		100		/* until tables that somebody has locked are tried again */
#define OMS_SWEEP_MS	60000	/* between two looks at the tables with nothing to do */

typedef enum OmsOutcome
{
	OMS_STEP_DONE,
	OMS_STEP_WAITS,				/* it failed a moment ago, or a table is locked */
	OMS_STEP_FAILED
} OmsOutcome;

/* A timer that raised an error, or an event that cannot be sent */
typedef struct OmsRetryKey
{
	OmsTicketId ticket;
	int16		stage;
	uint8		step;
	uint8		channel;		/* of an event, as is the word; no padding in the key */
	int			word;
} OmsRetryKey;

typedef struct OmsRetry
{
	OmsRetryKey key;
	int			failures;
	TimestampTz retry_at;		/* steady clock */
	OmsRingEntry event;			/* if it is one */
} OmsRetry;

/* What takes long and is done in slices, with a transaction each, on a schedule */
typedef enum OmsJobName
{
	OMS_JOB_ROLL_UP,
	OMS_JOB_SEAL,
	OMS_JOB_ARCHIVE
} OmsJobName;

#define OMS_JOBS		(OMS_JOB_ARCHIVE + 1)

typedef struct OmsJob
{
	TimestampTz due;
	OmsWalk		walk;
	OmsWalk		next;			/* as it is if the transaction commits */
	bool		more;
} OmsJob;

/*
 * The state of the worker.  Times are those of the clock that nobody can set, see oms_clock_steady(); 0: at any time,
 * or never.
 */
typedef struct OmsWorker
{
	OmsDatabase *database;

	/* steps.c */
	TimestampTz retry_step[OMS_STEPS];	/* after an error, or while tables are locked */
	bool		reported[OMS_STEPS];	/* the log has it that the step fails */

	/* retries.c */
	HTAB	   *retries;

	/* timers.c */
	TimestampTz retry_tick;		/* locked tickets, or an error */
	TimestampTz next_sweep;
	bool		more_timers;	/* the last round was not the end */
	int64		pending_after;	/* the message that it came to; 0: to the last one */
	int			pending_busy;	/* messages up to there that have to be tried again */
	bool		careful;		/* one stage per transaction */
	bool		sweep_calendars;

	/* sending.c */
	TimestampTz retry_unsent;
	TimestampTz last_send;
	TimestampTz stuck_since;
	int64		send_cost;		/* of a batch of events lately, in microseconds */
	double		send_size;		/* events in it lately */
	int			ring_sent;		/* positions that the batch goes forward */
	bool		batch_built;	/* of events: what fails then is the commit, and no event's fault */
	bool		told_late;		/* some event is lost to this worker: the horizon stays */
	OmsAnnouncement announcement;
	OmsAnnouncement next_announcement;	/* as it is if the transaction commits */
	TimestampTz next_page;
	TimestampTz last_horizon;
	bool		sent_since_horizon;
	uint64		coming_horizon; /* to be saved when read_pos has reached horizon_pos */
	uint64		horizon_pos;

	/* slices.c */
	OmsJob		jobs[OMS_JOBS];
	int			turn;			/* whose it is; OMS_JOBS: the announcement's */

	/* worker.c */
	bool		begun;			/* see step_start */
	bool		at_home;		/* see identity.c */
} OmsWorker;

extern OmsWorker oms_worker;

/* steps.c */
extern void oms_worker_leave(OmsWorkerState state) pg_attribute_noreturn();
extern TimestampTz oms_worker_after(TimestampTz now, long ms);
extern bool oms_worker_begin(bool more, bool *gone);
extern void oms_worker_end(void);
extern void oms_worker_note_error(void);
extern OmsOutcome oms_worker_step(OmsStep step, bool more, void (*run) (void *context), void *context);

/* retries.c */
extern void oms_retries_make(void);
extern OmsRetryKey oms_retry_of_timer(OmsTicketId ticket, int stage);
extern OmsRetryKey oms_retry_of_event(const OmsRingEntry *event);
extern bool oms_retry_waits(OmsTicketId ticket, int stage);
extern OmsRetry *oms_retry_later(const OmsRetryKey *key);
extern void oms_retry_forget(const OmsRetryKey *key);

/* timers.c */
extern bool oms_worker_fire_timers(TimestampTz now);

/* sending.c */
extern long oms_worker_gathering(TimestampTz now);
extern int	oms_worker_send_ring(void);
extern long oms_worker_send_events(TimestampTz now);
extern bool oms_worker_announce_some(TimestampTz now);
extern void oms_worker_skip_ahead(void);

/* slices.c */
extern bool oms_worker_do_a_slice(TimestampTz now);
extern TimestampTz oms_worker_next_slice(void);

#endif							/* OMS_WORKER_H */
