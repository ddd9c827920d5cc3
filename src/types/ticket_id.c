/*
 * ticket_id.c
 *		oms.ticket_id, a base type of 8 bytes passed by value.
 *
 * The text form is PREFIX-YYYY-NNNNN.  In the word the year stands highest, then the number, then
 * the prefix, so that unsigned comparison sorts tickets by age whatever their workflow, and new
 * tickets always go to the right end of an index:
 *
 *		bits 63..50  year, 0 to 9999
 *		bits 49..19  number, 0 to 2^31 - 1
 *		bits 18..0   prefix, 1 to 4 letters as a bijective base-26 number, 1 to 475254
 *
 * Every word has at most one text form and the other way round; input is strict (a number of more
 * than five digits has no leading zero), so equality of the word is equality of the ticket.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "compat.h"
#include "types/ticket_id.h"

#define YEAR_SHIFT		50
#define NUMBER_SHIFT	19
#define YEAR_MAX		9999
#define PREFIX_MAX		475254
#define PREFIX_MASK		((UINT64CONST(1) << NUMBER_SHIFT) - 1)
#define PREFIX_LETTERS	4
#define YEAR_DIGITS		4
#define NUMBER_DIGITS	5

PG_FUNCTION_INFO_V1(oms_ticket_id_in);
PG_FUNCTION_INFO_V1(oms_ticket_id_out);
PG_FUNCTION_INFO_V1(oms_ticket_id_recv);
PG_FUNCTION_INFO_V1(oms_ticket_id_send);
PG_FUNCTION_INFO_V1(oms_ticket_id_from_text);
PG_FUNCTION_INFO_V1(oms_ticket_id_text);
PG_FUNCTION_INFO_V1(oms_ticket_id_eq);
PG_FUNCTION_INFO_V1(oms_ticket_id_ne);
PG_FUNCTION_INFO_V1(oms_ticket_id_lt);
PG_FUNCTION_INFO_V1(oms_ticket_id_le);
PG_FUNCTION_INFO_V1(oms_ticket_id_gt);
PG_FUNCTION_INFO_V1(oms_ticket_id_ge);
PG_FUNCTION_INFO_V1(oms_ticket_id_cmp);
PG_FUNCTION_INFO_V1(oms_ticket_id_smaller);
PG_FUNCTION_INFO_V1(oms_ticket_id_larger);
PG_FUNCTION_INFO_V1(oms_ticket_id_hash);
PG_FUNCTION_INFO_V1(oms_ticket_id_hash_extended);

/*
 * The code of a prefix of 1 to 4 letters in either case; false if it is anything else.
 */
bool
oms_ticket_prefix_encode(const char *prefix, int len, uint32 *code)
{
	uint32		result = 0;

	if (len < 1 || len > PREFIX_LETTERS)
		return false;
	for (int i = 0; i < len; i++)
	{
		char		c = prefix[i];

		if (c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		if (c < 'A' || c > 'Z')
			return false;
		result = result * 26 + (c - 'A' + 1);
	}
	*code = result;
	return true;
}

/*
 * Put a ticket number together.  The caller has checked the ranges: the prefix comes from
 * oms_ticket_prefix_encode, the number from a sequence that ends at OMS_TICKET_NUMBER_MAX.
 */
OmsTicketId
oms_ticket_id_make(uint32 prefix_code, int year, int64 number)
{
	Assert(prefix_code >= 1 && prefix_code <= PREFIX_MAX);
	Assert(year >= 0 && year <= YEAR_MAX);
	Assert(number >= 0 && number <= OMS_TICKET_NUMBER_MAX);

	return ((uint64) year << YEAR_SHIFT) | ((uint64) number << NUMBER_SHIFT) | prefix_code;
}

int
oms_ticket_id_year(OmsTicketId id)
{
	return (int) (id >> YEAR_SHIFT);
}

int64
oms_ticket_id_number(OmsTicketId id)
{
	return (int64) ((id >> NUMBER_SHIFT) & OMS_TICKET_NUMBER_MAX);
}

/*
 * A bound: above every ticket of the year (-1: 0) and below those of the next.
 */
OmsTicketId
oms_ticket_id_year_end(int year)
{
	return (uint64) (year + 1) << YEAR_SHIFT;
}

/*
 * Write the text form into a buffer of OMS_TICKET_ID_TEXT_SIZE bytes and return it.
 */
char *
oms_ticket_id_to_text(OmsTicketId id, char *buffer)
{
	uint32		prefix = id & PREFIX_MASK;
	char		letters[PREFIX_LETTERS + 1];
	char	   *p = letters + PREFIX_LETTERS;

	*p = '\0';
	while (prefix > 0 && p > letters)
	{
		prefix--;
		*--p = 'A' + prefix % 26;
		prefix /= 26;
	}
	snprintf(buffer, OMS_TICKET_ID_TEXT_SIZE, "%s-%04u-%05u", p,
			 (unsigned) ((id >> YEAR_SHIFT) & 0x3FFF),
			 (unsigned) ((id >> NUMBER_SHIFT) & OMS_TICKET_NUMBER_MAX));
	return buffer;
}

/*
 * Read a run of decimal digits; the number of digits read, at most 10.
 */
static int
read_digits(const char *p, const char *end, int64 *value)
{
	int			n = 0;

	*value = 0;
	while (p < end && *p >= '0' && *p <= '9' && n < 10)
	{
		*value = *value * 10 + (*p++ - '0');
		n++;
	}
	return n;
}

/*
 * Read a ticket number; false if the text is not exactly one.
 */
bool
oms_ticket_id_parse(const char *text, int len, OmsTicketId *id)
{
	const char *end = text + len;
	const char *p = memchr(text, '-', Min(len, PREFIX_LETTERS + 1));
	uint32		prefix;
	int64		year;
	int64		number;
	int			digits;

	if (p == NULL || !oms_ticket_prefix_encode(text, p - text, &prefix))
		return false;
	p++;
	if (read_digits(p, end, &year) != YEAR_DIGITS)
		return false;
	p += YEAR_DIGITS;
	if (p >= end || *p++ != '-')
		return false;
	digits = read_digits(p, end, &number);
	if (digits < NUMBER_DIGITS || (digits > NUMBER_DIGITS && *p == '0') || p + digits != end)
		return false;
	if (number > OMS_TICKET_NUMBER_MAX)
		return false;
	*id = oms_ticket_id_make(prefix, year, number);
	return true;
}

static OmsTicketId
parse_or_error(const char *text, int len)
{
	OmsTicketId id;

	if (!oms_ticket_id_parse(text, len, &id))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid ticket number: \"%s\"", pnstrdup(text, pg_mbcliplen(text, len, 100))),
				 errhint("A ticket number looks like DL-2026-00091: one to four letters, "
						 "the year, and at least five digits.")));
	return id;
}

Datum
oms_ticket_id_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);

	PG_RETURN_TICKET_ID(parse_or_error(text, strlen(text)));
}

Datum
oms_ticket_id_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(oms_ticket_id_to_text(PG_GETARG_TICKET_ID(0),
											palloc(OMS_TICKET_ID_TEXT_SIZE)));
}

/*
 * Binary input: the word itself, big-endian.  A word without a text form is refused.
 */
Datum
oms_ticket_id_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	OmsTicketId id = (OmsTicketId) pq_getmsgint64(buf);
	uint32		prefix = id & PREFIX_MASK;

	if (prefix < 1 || prefix > PREFIX_MAX || (id >> YEAR_SHIFT) > YEAR_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary ticket number")));
	PG_RETURN_TICKET_ID(id);
}

Datum
oms_ticket_id_send(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint64(&buf, PG_GETARG_TICKET_ID(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
oms_ticket_id_from_text(PG_FUNCTION_ARGS)
{
	text	   *t = PG_GETARG_TEXT_PP(0);

	PG_RETURN_TICKET_ID(parse_or_error(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)));
}

Datum
oms_ticket_id_text(PG_FUNCTION_ARGS)
{
	char		buffer[OMS_TICKET_ID_TEXT_SIZE];

	PG_RETURN_TEXT_P(cstring_to_text(oms_ticket_id_to_text(PG_GETARG_TICKET_ID(0), buffer)));
}

Datum
oms_ticket_id_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_TICKET_ID(0) == PG_GETARG_TICKET_ID(1));
}

Datum
oms_ticket_id_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_TICKET_ID(0) != PG_GETARG_TICKET_ID(1));
}

Datum
oms_ticket_id_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_TICKET_ID(0) < PG_GETARG_TICKET_ID(1));
}

Datum
oms_ticket_id_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_TICKET_ID(0) <= PG_GETARG_TICKET_ID(1));
}

Datum
oms_ticket_id_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_TICKET_ID(0) > PG_GETARG_TICKET_ID(1));
}

Datum
oms_ticket_id_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_TICKET_ID(0) >= PG_GETARG_TICKET_ID(1));
}

Datum
oms_ticket_id_cmp(PG_FUNCTION_ARGS)
{
	OmsTicketId a = PG_GETARG_TICKET_ID(0);
	OmsTicketId b = PG_GETARG_TICKET_ID(1);

	PG_RETURN_INT32(a < b ? -1 : a > b ? 1 : 0);
}

Datum
oms_ticket_id_smaller(PG_FUNCTION_ARGS)
{
	PG_RETURN_TICKET_ID(Min(PG_GETARG_TICKET_ID(0), PG_GETARG_TICKET_ID(1)));
}

Datum
oms_ticket_id_larger(PG_FUNCTION_ARGS)
{
	PG_RETURN_TICKET_ID(Max(PG_GETARG_TICKET_ID(0), PG_GETARG_TICKET_ID(1)));
}

Datum
oms_ticket_id_hash(PG_FUNCTION_ARGS)
{
	OmsTicketId id = PG_GETARG_TICKET_ID(0);

	return hash_any((unsigned char *) &id, sizeof(id));
}

Datum
oms_ticket_id_hash_extended(PG_FUNCTION_ARGS)
{
	OmsTicketId id = PG_GETARG_TICKET_ID(0);

	return hash_any_extended((unsigned char *) &id, sizeof(id), PG_GETARG_INT64(1));
}
