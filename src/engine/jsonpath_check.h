/*
 * jsonpath_check.h
 *		Reading the jsonpath of a condition, without letting a bad one raise.
 */
#ifndef OMS_JSONPATH_CHECK_H
#define OMS_JSONPATH_CHECK_H

#include "nodes/pg_list.h"
#include "utils/jsonpath.h"

#define OMS_MAX_CONDITION		10000	/* bytes of its text */

/* What oms_condition_read found.  It may be used if only path and uses_stages are set. */
typedef struct OmsCondition
{
	JsonPath   *path;			/* strict; NULL: does not parse */
	bool		uses_stages;	/* some variable is $stages */
	List	   *names;			/* the keys that follow $stages (char *) */
	bool		all_stages;		/* something else than a plain key follows it */

	const char *error;			/* why it does not parse */
	bool		explicit_lax;	/* the text asks for lax mode */
	bool		too_complex;	/* evaluating it might need more stack than there is */
	List	   *unknown;		/* names of other variables (char *), the first few */
} OmsCondition;

extern void oms_condition_read(const char *source, OmsCondition *condition);

#endif							/* OMS_JSONPATH_CHECK_H */
