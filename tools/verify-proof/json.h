/*
 * json.h
 *		A small, strict reader of JSON.
 */
#ifndef VERIFY_JSON_H
#define VERIFY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum JsonType
{
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,				/* an integer */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
} JsonType;

typedef struct Json
{
	JsonType	type;
	const char *key;			/* within an object */
	bool		boolean;
	int64_t		number;
	const char *string;			/* UTF-8, without a zero byte inside */
	int			count;			/* of children */
	struct Json *first;
	struct Json *next;			/* the next child of the same parent */
} Json;

/* What went wrong, and at which byte */
typedef struct JsonError
{
	const char *problem;
	size_t		at;
} JsonError;

extern Json *json_read(char *text, size_t len, JsonError *error);
extern const Json *json_get(const Json *object, const char *key);

#endif							/* VERIFY_JSON_H */
