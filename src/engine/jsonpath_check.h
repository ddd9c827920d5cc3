/*
 * jsonpath_check.h
 *		Reading a jsonpath of a definition, without letting a bad one raise.
 */
#ifndef OMS_JSONPATH_CHECK_H
#define OMS_JSONPATH_CHECK_H

#include "nodes/pg_list.h"

#include "oms.h"

#define OMS_MAX_PATH	10000	/* bytes of its text */

/* What oms_path_read found.  It may be used if only path is set. */
typedef struct OmsPathCheck
{
	OmsPath		path;			/* its path is NULL if the text does not parse */
	const char *error;			/* why it does not parse */
	bool		explicit_lax;	/* the text asks for lax mode */
	bool		too_complex;	/* evaluating it might need more stack than there is */
	List	   *unknown;		/* names of variables other than $stages (char *), the first few */
} OmsPathCheck;

extern void oms_path_read(const char *source, bool strict, OmsPathCheck *check);

#endif							/* OMS_JSONPATH_CHECK_H */
