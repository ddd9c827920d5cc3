/*
 * slices.c
 *		What takes long, in slices that take turns: announcing from the tables, roll-ups, seals, the archive.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "clock.h"
#include "guc.h"
#include "store/archive.h"
#include "store/rollup.h"
#include "store/seal.h"
#include "worker/worker.h"

/* Milliseconds */
#define FIRST_SEAL_MS	60000	/* from the start of the worker, when there is more urgent work */
#define ROLL_UP_MS		60000	/* between two roll-ups for the reports */
#define ARCHIVE_MS		300000	/* between two looks for what may go into the archive, if nothing was sealed meanwhile */

static const struct
{
	OmsStep		step;
	bool		(*do_slice) (OmsWalk *walk);
}			jobs[OMS_JOBS] =
{
	[OMS_JOB_ROLL_UP] = {OMS_STEP_ROLL_UP, oms_store_roll_up_slice},
	[OMS_JOB_SEAL] = {OMS_STEP_SEAL, oms_store_seal_slice},
	[OMS_JOB_ARCHIVE] = {OMS_STEP_ARCHIVE, oms_store_archive_slice}
};

/*
 * How long a job rests; "soon": before the first time, and when somebody else was at it.
 */
static long
rest(OmsJobName job, bool soon)
{
	if (job == OMS_JOB_ROLL_UP)
		return ROLL_UP_MS;
	if (job == OMS_JOB_ARCHIVE)
		return ARCHIVE_MS;
	return soon ? Min(FIRST_SEAL_MS, oms_seal_interval * 1000L) : oms_seal_interval * 1000L;
}

static void
step_slice(void *context)
{
	OmsJobName	name = *(OmsJobName *) context;
	OmsJob	   *job = &oms_worker.jobs[name];

	job->next = job->walk;
	job->more = jobs[name].do_slice(&job->next);
}

/*
 * Do a slice of a job if it is time.  Somebody else who is at it is not waited for: an archiver may seal and go on for
 * minutes.  What the rules of retention let go is looked for after each round of sealing and on a schedule, since somebody
 * else may seal.  True if there is more to do at once.
 */
static bool
do_some(OmsJobName name, TimestampTz now)
{
	OmsJob	   *job = &oms_worker.jobs[name];

	if (name == OMS_JOB_SEAL && oms_seal_interval == 0)
		return false;
	if (job->due == 0)
		job->due = oms_worker_after(now, rest(name, true));
	if (job->due > now || oms_worker_step(jobs[name].step, true, step_slice, &name) != OMS_STEP_DONE)
		return false;
	job->walk = job->next;
	if (job->more)
		return true;
	job->due = oms_worker_after(now, rest(name, job->walk.busy));
	if (name == OMS_JOB_SEAL)
		oms_worker.jobs[OMS_JOB_ARCHIVE].due = now;
	return false;
}

/*
 * One slice of what takes long, in turn, so that none waits for the end of another.  True if there is more to
 * do at once.
 */
bool
oms_worker_do_a_slice(TimestampTz now)
{
	for (int i = 0; i <= OMS_JOBS; i++)
	{
		int			turn = oms_worker.turn;

		oms_worker.turn = (turn + 1) % (OMS_JOBS + 1);
		if (turn == OMS_JOBS ? oms_worker_announce_some(now) : do_some(turn, now))
			return true;
	}
	return false;
}

/*
 * When the next slice is due; what failed, not before it is tried again.
 */
TimestampTz
oms_worker_next_slice(void)
{
	TimestampTz next = DT_NOEND;

	for (int i = 0; i < OMS_JOBS; i++)
		if (i != OMS_JOB_SEAL || oms_seal_interval != 0)
			next = Min(next, Max(oms_worker.jobs[i].due, oms_worker.retry_step[jobs[i].step]));
	return next;
}
