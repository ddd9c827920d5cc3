/*
 * path.h
 *		What the jsonpaths of a workflow give for a ticket.
 */
#ifndef OMS_PATH_H
#define OMS_PATH_H

#include "nodes/pg_list.h"

#include "engine/moment.h"
#include "oms.h"

typedef enum OmsTruth
{
	OMS_FALSE,
	OMS_TRUE,
	OMS_UNKNOWN
} OmsTruth;

extern Jsonb *oms_path_no_outputs(void);

/* "outputs" is {"stages": {id: output}} */
extern OmsTruth oms_path_truth(const OmsPath *path, Jsonb *data, Jsonb *outputs);
extern Jsonb *oms_path_items(const OmsPath *path, Jsonb *data, Jsonb *outputs);
extern TimestampTz oms_path_moment(const OmsPath *path, Jsonb *data, Jsonb *outputs, const OmsCalendar *calendar,
								   OmsMomentKind kind, const char **problem);
extern List *oms_date_problems(const OmsGraph *graph, Jsonb *data);
extern void oms_check_dates(const OmsGraph *graph, Jsonb *data);

#endif							/* OMS_PATH_H */
