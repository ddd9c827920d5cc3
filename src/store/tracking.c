/*
 * tracking.c
 *		Tracking numbers: ticket numbers that cannot be guessed.
 *
 * The suffix is worked out, not stored: the first 40 bits of HMAC-SHA256 under the secret of the
 * database over the ticket number and how often the number was rotated.  So it survives a dump, and
 * nothing is kept for a ticket unless its number was rotated.  The check character tells typing errors
 * (any one wrong letter, any two neighbours swapped) without the secret: it is the sum, in the field of
 * 32 elements, of the letters times the powers of a generator.
 *
 * A wrong number costs the same work as a right one up to the answer, whether the ticket exists or
 * not, and is counted; numbers with many misses are answered slowly.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "store/identity.h"
#include "store/row.h"
#include "store/spi.h"
#include "store/tables.h"
#include "store/tracking.h"

/* From so many misses on answers get slow: this long, twice as long with each further miss, up to */
#define FREE_MISSES		10
#define SLOW_MS			20
#define SLOWEST_MS		2000
/* ... unless the last one is longer ago than this */
#define FORGET_USECS	(10 * USECS_PER_MINUTE)

static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static OmsStatement upsert_rotation = {
	.sql = "INSERT INTO oms.tracking (ticket_id, rotation) VALUES ($1, 1)"
	" ON CONFLICT (ticket_id) DO UPDATE SET rotation = tracking.rotation + 1",
	.nargs = 1,
	.types = {OMS_TICKET_TYPE}
};

static OmsStatement delete_misses = {
	.sql = "DELETE FROM oms.tracking_miss WHERE ticket_id = $1",
	.nargs = 1,
	.types = {OMS_TICKET_TYPE}
};

static OmsStatement upsert_miss = {
	.sql = "INSERT INTO oms.tracking_miss (ticket_id, misses, last_at) VALUES ($1, 1, $2)"
	" ON CONFLICT (ticket_id) DO UPDATE SET misses = tracking_miss.misses + 1,"
	" last_at = excluded.last_at",
	.nargs = 2,
	.types = {OMS_TICKET_TYPE, TIMESTAMPTZOID}
};

/*
 * How often the number of a ticket was rotated.
 */
static int
read_rotation(OmsTicketId ticket)
{
	OmsScan		scan;
	int			rotation = 0;

	oms_scan_key_ticket(&scan, ticket);
	oms_scan_begin(&scan, "tracking", "tracking_pkey", TRACKING_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
		rotation = DatumGetInt32(scan.slot->tts_values[TRACKING_ROTATION]);
	oms_scan_end(&scan);
	return rotation;
}

/* Multiply by the generator in the field of 32 elements, x^5 + x^2 + 1 */
static int
times_generator(int a)
{
	a <<= 1;
	return a & 32 ? a ^ 37 : a;
}

static char
check_letter(const int *values, int count)
{
	int			sum = 0;

	/* Horner: sum of values[i] * g^(count - i) */
	for (int i = 0; i < count; i++)
		sum = times_generator(sum ^ values[i]);
	return letters[sum];
}

static void
hmac_sha256(const uint8 *key, const char *message, uint8 *result)
{
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);

	if (context == NULL || pg_hmac_init(context, key, OMS_SECRET_LEN) < 0 ||
		pg_hmac_update(context, (const uint8 *) message, strlen(message)) < 0 ||
		pg_hmac_final(context, result, PG_SHA256_DIGEST_LENGTH) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute an HMAC: %s", pg_hmac_error(context))));
	pg_hmac_free(context);
}

/*
 * The suffix of a ticket's tracking number as it stands now, OMS_SUFFIX_LEN letters and a zero.  False
 * while the database has no secret (it then has no tickets).
 */
bool
oms_tracking_suffix(OmsTicketId ticket, char *suffix)
{
	uint8		secret[OMS_SECRET_LEN] = {0};
	uint8		mac[PG_SHA256_DIGEST_LENGTH];
	char		number[OMS_TICKET_ID_TEXT_SIZE];
	char		message[OMS_TICKET_ID_TEXT_SIZE + 16];
	uint64		bits = 0;
	int			values[OMS_SUFFIX_LEN];

	if (!oms_store_secret(secret))
		return false;
	snprintf(message, sizeof(message), "%s:%d", oms_ticket_id_to_text(ticket, number),
			 read_rotation(ticket));
	hmac_sha256(secret, message, mac);
	explicit_bzero(secret, sizeof(secret));

	for (int i = 0; i < 5; i++)
		bits = bits << 8 | mac[i];
	for (int i = 0; i < OMS_SUFFIX_LEN - 1; i++)
	{
		values[i] = (bits >> (35 - 5 * i)) & 31;
		suffix[i] = letters[values[i]];
	}
	suffix[OMS_SUFFIX_LEN - 1] = check_letter(values, OMS_SUFFIX_LEN - 1);
	suffix[OMS_SUFFIX_LEN] = '\0';
	return true;
}

/* The old tracking number is void from now on */
void
oms_tracking_rotate(OmsTicketId ticket)
{
	Datum		value = TicketIdGetDatum(ticket);

	SPI_connect();
	oms_sql(&upsert_rotation, &value, NULL);
	oms_sql(&delete_misses, &value, NULL);
	SPI_finish();
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * Read a ticket number with or without a suffix; false if it is neither.  Blanks around it are passed over,
 * letters may be in either case and look-alikes are taken for what was meant (I and L for 1, O for 0).
 * suffix gets a zero length without one.
 */
bool
oms_tracking_parse(const char *text, int len, OmsTicketId *ticket, char *suffix)
{
	const char *dash = NULL;
	int			dashes = 0;

	suffix[0] = '\0';
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	while (len > 0 && is_blank(*text))
	{
		text++;
		len--;
	}
	for (const char *p = text; p < text + len; p++)
		if (*p == '-' && ++dashes == 3)
			dash = p;
	if (dashes < 3)
		return oms_ticket_id_parse(text, len, ticket);
	if (dashes > 3 || text + len - dash - 1 != OMS_SUFFIX_LEN ||
		!oms_ticket_id_parse(text, dash - text, ticket))
		return false;
	for (int i = 0; i < OMS_SUFFIX_LEN; i++)
	{
		char		c = pg_toupper((unsigned char) dash[1 + i]);

		suffix[i] = c == 'I' || c == 'L' ? '1' : c == 'O' ? '0' : c;
	}
	suffix[OMS_SUFFIX_LEN] = '\0';
	return true;
}

/*
 * Is this the suffix of the ticket?  Compares all letters whatever the first is.
 */
bool
oms_tracking_right(OmsTicketId ticket, const char *suffix)
{
	char		right[OMS_SUFFIX_LEN + 1];
	char		given[OMS_SUFFIX_LEN + 1] = {0};
	int			difference = 0;

	if (!oms_tracking_suffix(ticket, right))
		return false;
	strlcpy(given, suffix, sizeof(given));
	for (int i = 0; i <= OMS_SUFFIX_LEN; i++)
		difference |= right[i] ^ given[i];
	return difference == 0;
}

/*
 * Answer slowly if this number was asked for with wrong suffixes often, and lately.
 */
void
oms_tracking_slow_down(OmsTicketId ticket, TimestampTz now)
{
	OmsScan		scan;
	int			misses = 0;
	long		ms;

	oms_scan_key_ticket(&scan, ticket);
	oms_scan_begin(&scan, "tracking_miss", "tracking_miss_pkey", MISS_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan) &&
		DatumGetTimestampTz(scan.slot->tts_values[MISS_LAST_AT]) > now - FORGET_USECS)
		misses = DatumGetInt32(scan.slot->tts_values[MISS_MISSES]);
	oms_scan_end(&scan);
	if (misses < FREE_MISSES)
		return;
	ms = Min((long) SLOW_MS << Min(misses - FREE_MISSES, 10), SLOWEST_MS);
	(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, oms_wait_event("OmsTracking"));
	CHECK_FOR_INTERRUPTS();
}

/*
 * Count a wrong suffix.  Where nothing can be written it is not counted.
 */
void
oms_tracking_note_miss(OmsTicketId ticket, TimestampTz now)
{
	Datum		values[2] = {TicketIdGetDatum(ticket), TimestampTzGetDatum(now)};

	if (XactReadOnly)
		return;
	SPI_connect();
	oms_sql(&upsert_miss, values, NULL);
	SPI_finish();
}
