/*
 * json_check.h
 *		Checking a definition in JSON as a whole: every problem with its path, in words, and what was good stored.
 *
 * Each kind of object has a table of its keys; a row names the function that checks a value and where the value
 * goes.
 */
#ifndef OMS_JSON_CHECK_H
#define OMS_JSON_CHECK_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

typedef struct OmsProblem
{
	const char *path;			/* $.stages[2].slaMins */
	const char *problem;
	const char *hint;			/* NULL: none */
} OmsProblem;

/* The state of one check */
typedef struct OmsJsonCheck
{
	void	   *context;		/* of whoever checks */
	int			max_problems;	/* that are listed */
	List	   *problems;
	int			nproblems;		/* found, listed or not */

	StringInfoData path;		/* of the value that is looked at */
	int			inside;			/* where the part of path below the subject begins */
	bool		optional;		/* the value may be left out */
	const char *subject;		/* what the definition is of, as messages name it */
	int			part;			/* problems are listed by part, then as they were found */
} OmsJsonCheck;

typedef struct OmsKeyRule OmsKeyRule;

/* Checks a value: reports what is wrong with it, or stores it in the struct that target is */
typedef void (*OmsKeyCheck) (OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);

struct OmsKeyRule
{
	const char *key;
	OmsKeyCheck check;
	size_t		offset;			/* of the field in the target */
	int			min;			/* of a number, or of a text in bytes */
	int			max;
	bool		required;
};

#define oms_rule_field(type, target, rule)	((type *) ((char *) (target) + (rule)->offset))

/* Rows of the longest table of keys */
#define OMS_MAX_KEYS	32

/* ---- the check as a whole ---- */

extern void oms_json_begin(OmsJsonCheck *check, const char *subject, int max_problems, void *context);
extern JsonbContainer *oms_json_root(OmsJsonCheck *check, Jsonb *definition);
extern List *oms_json_end(OmsJsonCheck *check);

/* ---- problems, and where they are ---- */

extern void oms_json_problem(OmsJsonCheck *check, const char *hint, const char *fmt,...) pg_attribute_printf(3, 4);
extern bool oms_json_is_full(const OmsJsonCheck *check);
extern int	oms_json_enter_key(OmsJsonCheck *check, const char *key, int len);
extern int	oms_json_enter_element(OmsJsonCheck *check, int index);
extern void oms_json_leave(OmsJsonCheck *check, int mark);
extern const char *oms_json_thing(OmsJsonCheck *check);
extern const char *oms_json_one_line(const OmsJsonCheck *check, const char *text, int len, int max);
extern const char *oms_json_excerpt(const OmsJsonCheck *check, const char *text, int len);
extern const char *oms_json_text(const OmsJsonCheck *check, const JsonbValue *value);
extern const char *oms_json_number(const OmsJsonCheck *check, const JsonbValue *value);

/* ---- values ---- */

extern const char *oms_json_type_name(const JsonbValue *value);
extern bool oms_json_next_element(JsonbIterator **it, JsonbValue *element);
extern bool oms_json_next_pair(JsonbIterator **it, JsonbValue *key, JsonbValue *value);
extern bool oms_json_has_key(JsonbContainer *object, const char *key);
extern const char *oms_json_text_fault(const JsonbValue *value, int max);
extern int	oms_compare_numeric(Numeric number, int64 other);

extern bool oms_json_type(OmsJsonCheck *check, const JsonbValue *value, enum jbvType type, const char *wanted);
extern JsonbContainer *oms_json_array(OmsJsonCheck *check, const JsonbValue *value, const char *hint);
extern JsonbContainer *oms_json_object(OmsJsonCheck *check, const JsonbValue *value);
extern bool oms_json_whole_number(OmsJsonCheck *check, JsonbValue *value, int min, int max, int *result);
extern void oms_json_keys(OmsJsonCheck *check, JsonbContainer *object, const OmsKeyRule *rules, int nrules, void *target);

/* Checks for tables of keys: a text of one line, any text, a number of a range, true or false */
extern void oms_json_name(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);
extern void oms_json_description(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);
extern void oms_json_int(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);
extern void oms_json_boolean(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);

/* ---- nearest names, for hints ---- */

typedef struct OmsNearest
{
	const char *name;			/* NULL: none yet */
	int			distance;
} OmsNearest;

extern void oms_nearest_offer(OmsNearest *nearest, const char *name, int len, const char *candidate);

#endif							/* OMS_JSON_CHECK_H */
