/*
 * import.h
 *		Tickets that began elsewhere: a row that tells of one, and how the ticket comes to where it is.
 */
#ifndef OMS_IMPORT_H
#define OMS_IMPORT_H

#include "engine/json_check.h"
#include "oms.h"

/* Bytes of an idempotency key or of an applicant's key, and of a reference */
#define OMS_MAX_IMPORT_KEY		255
#define OMS_MAX_REFERENCE		200

/*
 * When something happened.  A date alone tells no more than the day: "at" is what it counts as, and anything from the
 * first to the last instant may have been.
 */
typedef struct OmsImportedTime
{
	TimestampTz at;				/* OMS_NEVER: left out */
	TimestampTz first;			/* the same as at, but for a date alone */
	TimestampTz last;
} OmsImportedTime;

/* What a row says of a stage */
typedef struct OmsImportedStage
{
	int			no;				/* 0: the workflow does not have it */
	char		status;			/* OmsStageStatus: done, skipped, queued or cancelled */
	OmsImportedTime queued;
	OmsImportedTime finished;
	bool		settled;		/* dates have given way to times of the same day */
	const char *worker;
	const char *note;
	Jsonb	   *output;
} OmsImportedStage;

typedef struct OmsImportedNote
{
	OmsImportedTime at;
	const char *body;
	bool		public;
} OmsImportedNote;

/* A row that was read */
typedef struct OmsImport
{
	const char *key;			/* NULL: none */
	Jsonb	   *data;
	OmsImportedTime opened;
	OmsImportedTime closed;
	const char *applicant;
	int			priority;
	const char *reference;
	int			nstages;
	OmsImportedStage *stages;
	OmsImportedStage **by_no;	/* by stage number - 1; NULL: not given */
	int			nnotes;
	OmsImportedNote *notes;		/* in the order of their times */
} OmsImport;

/* What limits and times depend on */
typedef struct OmsImportRules
{
	const OmsGraph *graph;
	const struct OmsCalendar *calendar; /* of times without an offset; NULL: UTC */
	TimestampTz now;
	int			max_data;		/* bytes */
	int			max_output;
	int			max_note;
} OmsImportRules;

/*
 * Read a row.  Everything that is wrong with it by itself is reported.
 */
extern void oms_import_read(OmsJsonCheck *check, JsonbValue *row, const OmsImportRules *rules, OmsImport *import);

/*
 * Let a new ticket live through what the row tells, up to rules->now.  "origin" is the note of its first event.
 * What cannot have been by the graph is reported; then the ticket must not be written.  For what is past nobody
 * is told anything; stages that are queued at the end are offered.
 */
extern void oms_import_live(OmsJsonCheck *check, OmsTicket *ticket, const OmsImport *import,
							const OmsImportRules *rules, const char *origin, const char *role);

#endif							/* OMS_IMPORT_H */
