/*
 * json.c
 *		A small, strict reader of JSON.
 *
 * What a proof never has is refused: fractions, zero bytes, a key twice, bytes that are no UTF-8,
 * anything behind the end.  Depth and number of values are bounded; the caller bounds the size.
 * Strings are decoded in place, where they only get shorter.  Nothing is freed: the program ends.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define MAX_DEPTH	8
#define MAX_KEYS	32
#define MAX_VALUES	(8 * 1024 * 1024)
#define POOL		4096

typedef struct Reader
{
	char	   *start;
	char	   *p;
	char	   *end;
	int			depth;
	int			nvalues;
	Json	   *pool;
	int			left;			/* in the pool */
	const char *problem;
} Reader;

static bool read_value(Reader *reader, Json *value);

static bool
fail(Reader *reader, const char *problem)
{
	if (reader->problem == NULL)
		reader->problem = problem;
	return false;
}

static Json *
new_value(Reader *reader)
{
	if (++reader->nvalues > MAX_VALUES)
	{
		fail(reader, "too many values");
		return NULL;
	}
	if (reader->left == 0)
	{
		reader->pool = calloc(POOL, sizeof(Json));
		if (reader->pool == NULL)
		{
			fail(reader, "out of memory");
			return NULL;
		}
		reader->left = POOL;
	}
	return &reader->pool[--reader->left];
}

static void
skip_space(Reader *reader)
{
	while (reader->p < reader->end &&
		   (*reader->p == ' ' || *reader->p == '\n' || *reader->p == '\t' || *reader->p == '\r'))
		reader->p++;
}

/*
 * Is the next character this one?  Then go past it.
 */
static bool
accept(Reader *reader, char c)
{
	skip_space(reader);
	if (reader->p == reader->end || *reader->p != c)
		return false;
	reader->p++;
	return true;
}

static bool
read_word(Reader *reader, const char *word)
{
	size_t		len = strlen(word);

	if ((size_t) (reader->end - reader->p) < len || memcmp(reader->p, word, len) != 0)
		return fail(reader, "unknown word");
	reader->p += len;
	return true;
}

/* ---- strings ---- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * The four digits after \u; -1 if they are not there.
 */
static int32_t
read_unit(Reader *reader)
{
	int32_t		unit = 0;

	if (reader->end - reader->p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int			digit = hex_value(*reader->p++);

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

static char *
put_utf8(char *out, int32_t c)
{
	if (c < 0x80)
		*out++ = (char) c;
	else if (c < 0x800)
	{
		*out++ = (char) (0xC0 | c >> 6);
		*out++ = (char) (0x80 | (c & 0x3F));
	}
	else if (c < 0x10000)
	{
		*out++ = (char) (0xE0 | c >> 12);
		*out++ = (char) (0x80 | (c >> 6 & 0x3F));
		*out++ = (char) (0x80 | (c & 0x3F));
	}
	else
	{
		*out++ = (char) (0xF0 | c >> 18);
		*out++ = (char) (0x80 | (c >> 12 & 0x3F));
		*out++ = (char) (0x80 | (c >> 6 & 0x3F));
		*out++ = (char) (0x80 | (c & 0x3F));
	}
	return out;
}

/*
 * After \u: one character, of two units if it is beyond the first plane.  NULL if it is none.
 */
static char *
read_unicode(Reader *reader, char *out)
{
	int32_t		c = read_unit(reader);

	if (c >= 0xD800 && c <= 0xDBFF)
	{
		int32_t		low = -1;

		if (reader->end - reader->p >= 2 && reader->p[0] == '\\' && reader->p[1] == 'u')
		{
			reader->p += 2;
			low = read_unit(reader);
		}
		if (low < 0xDC00 || low > 0xDFFF)
			return NULL;
		c = 0x10000 + (c - 0xD800) * 0x400 + (low - 0xDC00);
	}
	else if (c <= 0 || (c >= 0xDC00 && c <= 0xDFFF))
		return NULL;
	return put_utf8(out, c);
}

/*
 * After a backslash.  NULL if there is no such escape.
 */
static char *
read_escape(Reader *reader, char *out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	const char *name;

	if (reader->p == reader->end)
		return NULL;
	if (*reader->p == 'u')
	{
		reader->p++;
		return read_unicode(reader, out);
	}
	if (*reader->p == '\0' || (name = strchr(names, *reader->p)) == NULL)
		return NULL;
	reader->p++;
	*out++ = values[name - names];
	return out;
}

/*
 * How many bytes the UTF-8 character at p has; 0 if it is none.  Neither overlong forms nor halves of
 * surrogate pairs are characters.
 */
static int
utf8_length(const unsigned char *p, size_t left)
{
	int			len = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : p[0] >= 0xE0 && p[0] < 0xF0 ? 3
		: p[0] >= 0xF0 && p[0] < 0xF5 ? 4 : 0;

	if (len == 0 || left < (size_t) len)
		return 0;
	for (int i = 1; i < len; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
		(p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
		return 0;
	return len;
}

/*
 * After the opening quote.  Decoded in place; the end may overwrite the closing quote.
 */
static bool
read_string(Reader *reader, const char **string)
{
	char	   *out = reader->p;

	*string = out;
	while (reader->p < reader->end && *reader->p != '"')
	{
		int			len;

		if (*reader->p == '\\')
		{
			reader->p++;
			if ((out = read_escape(reader, out)) == NULL)
				return fail(reader, "bad escape in a string");
			continue;
		}
		if ((unsigned char) *reader->p < 0x20)
			return fail(reader, "control character in a string");
		len = utf8_length((unsigned char *) reader->p, reader->end - reader->p);
		if (len == 0)
			return fail(reader, "not UTF-8");
		memmove(out, reader->p, len);
		out += len;
		reader->p += len;
	}
	if (reader->p == reader->end)
		return fail(reader, "string without an end");
	reader->p++;
	*out = '\0';
	return true;
}

/* ---- values ---- */

static bool
read_number(Reader *reader, int64_t *number)
{
	bool		negative = *reader->p == '-';
	char	   *digits;

	*number = 0;
	if (negative)
		reader->p++;
	digits = reader->p;
	while (reader->p < reader->end && is_digit(*reader->p))
	{
		if (reader->p - digits >= 18)
			return fail(reader, "number is too long");
		*number = *number * 10 + (*reader->p++ - '0');
	}
	if (reader->p == digits || (*digits == '0' && (reader->p - digits > 1 || negative)))
		return fail(reader, "bad number");
	if (negative)
		*number = -*number;
	return true;
}

static bool
read_key(Reader *reader, const Json *object, Json *child)
{
	if (!accept(reader, '"') || !read_string(reader, &child->key))
		return fail(reader, "a key is missing");
	if (object->count >= MAX_KEYS)
		return fail(reader, "too many keys");
	if (json_get(object, child->key) != NULL)
		return fail(reader, "a key twice");
	return accept(reader, ':') || fail(reader, "a colon is missing");
}

/*
 * After the opening bracket: children up to the closing one.
 */
static bool
read_children(Reader *reader, Json *parent, char closing)
{
	Json	  **link = &parent->first;

	if (++reader->depth > MAX_DEPTH)
		return fail(reader, "too deep");
	if (!accept(reader, closing))
	{
		do
		{
			Json	   *child = new_value(reader);

			if (child == NULL || (parent->type == JSON_OBJECT && !read_key(reader, parent, child)) ||
				!read_value(reader, child))
				return false;
			*link = child;
			link = &child->next;
			parent->count++;
		} while (accept(reader, ','));
		if (!accept(reader, closing))
			return fail(reader, "a bracket or comma is missing");
	}
	reader->depth--;
	return true;
}

static bool
read_value(Reader *reader, Json *value)
{
	skip_space(reader);
	if (reader->p == reader->end)
		return fail(reader, "ends too early");
	switch (*reader->p)
	{
		case '{':
			reader->p++;
			value->type = JSON_OBJECT;
			return read_children(reader, value, '}');
		case '[':
			reader->p++;
			value->type = JSON_ARRAY;
			return read_children(reader, value, ']');
		case '"':
			reader->p++;
			value->type = JSON_STRING;
			return read_string(reader, &value->string);
		case 't':
			value->type = JSON_BOOL;
			value->boolean = true;
			return read_word(reader, "true");
		case 'f':
			value->type = JSON_BOOL;
			return read_word(reader, "false");
		case 'n':
			value->type = JSON_NULL;
			return read_word(reader, "null");
		default:
			value->type = JSON_NUMBER;
			if (*reader->p != '-' && !is_digit(*reader->p))
				return fail(reader, "not JSON");
			return read_number(reader, &value->number);
	}
}

/*
 * Read one JSON text, which is changed by it; NULL and the reason if it is none.
 */
Json *
json_read(char *text, size_t len, JsonError *error)
{
	Reader		reader = {.start = text, .p = text, .end = text + len};
	Json	   *value = new_value(&reader);

	if (value != NULL && read_value(&reader, value))
	{
		skip_space(&reader);
		if (reader.p < reader.end)
			fail(&reader, "something behind the end");
	}
	error->problem = reader.problem;
	error->at = reader.p - reader.start;
	return reader.problem == NULL ? value : NULL;
}

/*
 * A member of an object; NULL if it has none of this name.
 */
const Json *
json_get(const Json *object, const char *key)
{
	for (const Json *child = object->first; child != NULL; child = child->next)
		if (child->key != NULL && strcmp(child->key, key) == 0)
			return child;
	return NULL;
}
