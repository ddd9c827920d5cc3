/*
 * verify-proof.c
 *		Checks what oms.proof() gives, without a server.
 *
 *		verify-proof [--seal HASH] [--tsa CA.pem] [FILE]
 *
 * Reads the proof from the file or from standard input, works out every hash again, with the code that
 * the library uses, and prints one line that begins with "ok", or what does not fit and where.
 *
 * A proof is worth as much as the place from which its seal's hash is known: who made up the events
 * could have made up the seal.  With --seal the hash that was published must be in the proof; with --tsa an
 * authority whose certificate leads to one in the file must have stamped it.
 *
 * Exit code: 0 if all fits and the ticket is sealed, 1 if not, 2 if there was nothing to check.
 *
 * This is one long file on purpose.  Whoever must judge the program, an expert for a court for instance, can
 * read all rules of a proof here, from top to bottom.  Elsewhere is only what has no rule of a proof in it:
 * the hashing, which is the library's, reading JSON, and the signatures of stamps.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/chain.h"
#include "engine/merkle.h"
#include "engine/sha256.h"

#include "json.h"
#include "stamp.h"

#define FORMAT		"oms-proof"
#define VERSION		1
#define HASH_LEN	OMS_SHA256_LEN
#define SALT_LEN	16
#define MAX_SIZE	((size_t) 256 * 1024 * 1024)
#define MAX_PROBLEMS	20

#define EXIT_WRONG		1
#define EXIT_NOTHING	2

#define USECS_PER_SEC	INT64_C(1000000)

typedef struct Proof
{
	const char *ticket;
	int			nevents;
	int			nmoved;			/* recorded under a moved clock */
	int			nentries;		/* of the journal */
	int			nstamps;
	bool		published;		/* a seal has the hash that was published */
	unsigned char (*hashes)[HASH_LEN];	/* of the events, as the proof gives them */
} Proof;

static int	problems = 0;

/* ---- what is said ---- */

static void
say_problem(const char *format,...)
{
	va_list		args;

	if (++problems > MAX_PROBLEMS)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/*
 * The proof has not the form of one: nothing more can be checked.
 */
static void
refuse(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	exit(EXIT_WRONG);
}

static void
give_up(const char *what, const char *why)
{
	fprintf(stderr, "verify-proof: %s: %s\n", what, why);
	exit(EXIT_NOTHING);
}

/* ---- members of objects ---- */

static const Json *
member(const Json *object, const char *where, const char *key)
{
	const Json *value = json_get(object, key);

	if (value == NULL)
		refuse("%s: \"%s\" is missing", where, key);
	return value;
}

/*
 * An object with this many members; all of them are asked for, so there is no other one.
 */
static void
check_object(const Json *value, const char *where, int count)
{
	if (value->type != JSON_OBJECT)
		refuse("%s: not an object", where);
	if (value->count != count)
		refuse("%s: has %d keys, must have %d", where, value->count, count);
}

static const char *
text_or_null(const Json *object, const char *where, const char *key)
{
	const Json *value = member(object, where, key);

	if (value->type != JSON_STRING && value->type != JSON_NULL)
		refuse("%s: \"%s\" is not a text", where, key);
	return value->string;
}

static const char *
text(const Json *object, const char *where, const char *key)
{
	const char *string = text_or_null(object, where, key);

	if (string == NULL)
		refuse("%s: \"%s\" is null", where, key);
	return string;
}

static int64_t
number(const Json *object, const char *where, const char *key, int64_t min, int64_t max)
{
	const Json *value = member(object, where, key);

	if (value->type != JSON_NUMBER)
		refuse("%s: \"%s\" is not a number", where, key);
	if (value->number < min || value->number > max)
		refuse("%s: \"%s\" is out of range", where, key);
	return value->number;
}

static bool
boolean(const Json *object, const char *where, const char *key)
{
	const Json *value = member(object, where, key);

	if (value->type != JSON_BOOL)
		refuse("%s: \"%s\" is not true or false", where, key);
	return value->boolean;
}

/* Lower case only, so that every proof has one form */
static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
decode_hex(const char *hex, unsigned char *bytes, size_t len)
{
	if (strlen(hex) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		int			high = hex_digit(hex[2 * i]);
		int			low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (unsigned char) (high * 16 + low);
	}
	return true;
}

/*
 * Bytes in hex; false if they are null.
 */
static bool
bytes_or_null(const Json *object, const char *where, const char *key, unsigned char *bytes, size_t len)
{
	const char *hex = text_or_null(object, where, key);

	if (hex != NULL && !decode_hex(hex, bytes, len))
		refuse("%s: \"%s\" is not %d bytes in hex", where, key, (int) len);
	return hex != NULL;
}

static void
hash_member(const Json *object, const char *where, const char *key, unsigned char *hash)
{
	if (!bytes_or_null(object, where, key, hash, HASH_LEN))
		refuse("%s: \"%s\" is null", where, key);
}

/* ---- ticket numbers and times ---- */

/*
 * The value of so many digits; -1 if they are none.
 */
static int64_t
digits(const char *p, int count)
{
	int64_t		value = 0;

	for (int i = 0; i < count; i++)
	{
		if (p[i] < '0' || p[i] > '9')
			return -1;
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

static bool
is_ticket(const char *p)
{
	int			letters = (int) strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	int			len;

	if (letters < 1 || letters > 4 || p[letters] != '-')
		return false;
	p += letters + 1;
	if (digits(p, 4) < 0 || p[4] != '-')
		return false;
	p += 5;
	len = (int) strspn(p, "0123456789");
	return p[len] == '\0' && len >= 5 && len <= 10 && (len == 5 || *p != '0') &&
		digits(p, len) <= INT32_MAX;
}

/*
 * Days from 1970-01-01 in the Gregorian calendar.
 */
static int64_t
days_since_1970(int year, int month, int day)
{
	int			y = month <= 2 ? year - 1 + 400 : year + 400;	/* from March on, never negative */
	int			of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return 365 * (int64_t) y + y / 4 - y / 100 + y / 400 + of_year - 146097 - 719468;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/*
 * A time as 2026-03-02T14:00:00.000000Z, in microseconds since 1970.
 */
static int64_t
time_member(const Json *object, const char *where, const char *key)
{
	const char *p = text(object, where, key);
	int			year, month, day, hour, minute, second;

	if (strlen(p) != 27 || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' ||
		p[16] != ':' || p[19] != '.' || p[26] != 'Z' || digits(p + 20, 6) < 0)
		refuse("%s: \"%s\" is not a time as 2026-03-02T14:00:00.000000Z", where, key);
	year = (int) digits(p, 4);
	month = (int) digits(p + 5, 2);
	day = (int) digits(p + 8, 2);
	hour = (int) digits(p + 11, 2);
	minute = (int) digits(p + 14, 2);
	second = (int) digits(p + 17, 2);
	if (year < 0 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		refuse("%s: \"%s\" is no time that there is", where, key);
	return (((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) *
		USECS_PER_SEC + digits(p + 20, 6);
}

/* ---- events ---- */

/*
 * The digest of a note or payload: worked out from it and the salt, or as an erasure left it.  Returns
 * NULL if there is neither.
 */
static const unsigned char *
content_digest(const Json *event, const char *where, const char *key, const char *digest_key,
			   const unsigned char *salt, unsigned char *digest)
{
	const char *content = text_or_null(event, where, key);
	bool		given = bytes_or_null(event, where, digest_key, digest, HASH_LEN);

	if (content == NULL)
		return given ? digest : NULL;
	if (given)
		refuse("%s: both \"%s\" and \"%s\"", where, key, digest_key);
	if (salt == NULL)
		refuse("%s: \"salt\" is missing", where);
	oms_sha256(salt, SALT_LEN, content, strlen(content), digest);
	return digest;
}

/*
 * Is that the hash of a content after the one before it?  If not, that is a problem.
 */
static void
check_hash(const char *where, OmsLayout lay_out, const void *content, const unsigned char *previous,
		   const unsigned char *stored)
{
	size_t		len = lay_out(content, NULL);
	unsigned char *buffer = malloc(len);
	unsigned char hash[HASH_LEN];

	if (buffer == NULL)
		give_up(where, "out of memory");
	lay_out(content, buffer);
	oms_sha256(previous, HASH_LEN, buffer, len, hash);
	free(buffer);
	if (memcmp(hash, stored, HASH_LEN) != 0)
		say_problem("%s: content does not match the hash", where);
}

#define EVENT_KEYS	18

/*
 * Check one event after the one with the hash "previous"; its time.
 */
static int64_t
check_event(const Json *event, Proof *proof, int seq, const unsigned char *previous,
			unsigned char *stored)
{
	char		where[32];
	unsigned char salt_bytes[SALT_LEN];
	unsigned char note_digest[HASH_LEN];
	unsigned char payload_digest[HASH_LEN];
	const unsigned char *salt;
	OmsChainEvent content = {.ticket = proof->ticket, .seq = seq};

	snprintf(where, sizeof(where), "event %d", seq);
	content.moved = json_get(event, "moved") != NULL;
	check_object(event, where, EVENT_KEYS + (content.moved ? 1 : 0));
	if (content.moved && !boolean(event, where, "moved"))
		refuse("%s: \"moved\" is left out where it is not so", where);
	proof->nmoved += content.moved ? 1 : 0;
	if (number(event, where, "seq", 1, INT32_MAX) != seq)
		say_problem("%s: its number is another", where);
	content.at = time_member(event, where, "at");
	content.status = text(event, where, "status");
	content.stage = text_or_null(event, where, "stage");
	content.owner = text_or_null(event, where, "owner");
	content.actor = text(event, where, "actor");
	content.session = text_or_null(event, where, "session_actor");
	content.client = text_or_null(event, where, "client");
	content.worker = text_or_null(event, where, "worker");
	content.public = boolean(event, where, "public");
	content.cycle = (int32_t) number(event, where, "cycle", 0, INT32_MAX);
	content.attempt = (int32_t) number(event, where, "attempt", 0, INT32_MAX);
	salt = bytes_or_null(event, where, "salt", salt_bytes, SALT_LEN) ? salt_bytes : NULL;
	content.note_digest = content_digest(event, where, "note", "note_digest", salt, note_digest);
	content.payload_digest = content_digest(event, where, "payload", "payload_digest", salt,
											payload_digest);
	if (salt != NULL && json_get(event, "note")->type == JSON_NULL &&
		json_get(event, "payload")->type == JSON_NULL)
		refuse("%s: \"salt\" of nothing", where);
	hash_member(event, where, "hash", stored);

	check_hash(where, oms_chain_layout, &content, previous, stored);
	return content.at;
}

/*
 * Check the chain.  After an event that was changed it goes on from the hash that the proof gives for
 * it, so that one change is one problem.
 */
static void
check_events(const Json *events, Proof *proof)
{
	static const unsigned char zeros[HASH_LEN];
	const unsigned char *previous = zeros;
	int64_t		last_at = INT64_MIN;
	int			seq = 0;

	if (events->type != JSON_ARRAY || events->count == 0)
		refuse("proof: \"events\" is not an array of events");
	proof->nevents = events->count;
	proof->hashes = calloc(events->count, HASH_LEN);
	if (proof->hashes == NULL)
		give_up("events", "out of memory");
	for (const Json *event = events->first; event != NULL; event = event->next)
	{
		int64_t		at;

		seq++;
		at = check_event(event, proof, seq, previous, proof->hashes[seq - 1]);
		if (at < last_at)
			say_problem("event %d: time goes back", seq);
		last_at = at;
		previous = proof->hashes[seq - 1];
	}
}

/* ---- leaf and seal ---- */

static int
read_path(const Json *path, unsigned char (*nodes)[HASH_LEN])
{
	int			count = 0;

	if (path->type != JSON_ARRAY || path->count > OMS_MERKLE_DEPTH)
		refuse("leaf: \"path\" is not an array of up to %d hashes", OMS_MERKLE_DEPTH);
	for (const Json *node = path->first; node != NULL; node = node->next)
		if (node->type != JSON_STRING || !decode_hex(node->string, nodes[count++], HASH_LEN))
			refuse("leaf: \"path\" has something that is not %d bytes in hex", HASH_LEN);
	return count;
}

/*
 * Check that the leaf is an event of the chain, and that its path leads to the root.  Returns the
 * number of that event.
 */
static int
check_leaf(const Json *leaf, const Proof *proof, int64_t tickets, const unsigned char *root)
{
	unsigned char path[OMS_MERKLE_DEPTH][HASH_LEN];
	unsigned char head[HASH_LEN];
	unsigned char hash[HASH_LEN];
	unsigned char reached[HASH_LEN];
	int64_t		position;
	int			seq;
	int			npath;

	check_object(leaf, "leaf", 4);
	seq = (int) number(leaf, "leaf", "seq", 1, INT32_MAX);
	hash_member(leaf, "leaf", "head", head);
	position = number(leaf, "leaf", "position", 0, INT32_MAX);
	npath = read_path(member(leaf, "leaf", "path"), path);

	if (seq > proof->nevents)
		say_problem("leaf: event %d was sealed, but is missing", seq);
	else if (memcmp(head, proof->hashes[seq - 1], HASH_LEN) != 0)
		say_problem("leaf: event %d was sealed with another hash", seq);
	oms_merkle_leaf(proof->ticket, seq, head, hash);
	if (!oms_merkle_climb(position, tickets, hash, (const unsigned char (*)[HASH_LEN]) path, npath, reached) ||
		memcmp(reached, root, HASH_LEN) != 0)
		say_problem("leaf: its path does not lead to the root of the seal");
	return seq;
}

/* What is known from elsewhere */
typedef struct Known
{
	const unsigned char *published; /* hash of a seal, or NULL */
	const char *tsa;			/* file with certificates, or NULL */
} Known;

/* What a seal says, with room for its hashes */
typedef struct Seal
{
	OmsSealContent content;
	unsigned char root[HASH_LEN];
	unsigned char previous[HASH_LEN];
	unsigned char hash[HASH_LEN];
	unsigned char journal_hash[HASH_LEN];
} Seal;

static void
check_seal(const Json *object, const char *where, const Known *known, Proof *proof, Seal *seal)
{
	static const unsigned char zeros[HASH_LEN];
	unsigned char hash[HASH_LEN];
	bool		has_journal;

	if (object->type != JSON_OBJECT)
		refuse("%s: not an object", where);
	has_journal = json_get(object, "journal_hash") != NULL;
	check_object(object, where, has_journal ? 8 : 6);
	seal->content.number = number(object, where, "number", 1, INT64_MAX);
	seal->content.sealed_at = time_member(object, where, "sealed_at");
	seal->content.tickets = (int32_t) number(object, where, "tickets", 1, INT32_MAX);
	hash_member(object, where, "root", seal->root);
	hash_member(object, where, "previous", seal->previous);
	hash_member(object, where, "hash", seal->hash);
	seal->content.root = seal->root;
	seal->content.previous = seal->previous;
	seal->content.journal_hash = NULL;
	if (has_journal)
	{
		seal->content.journal_seq = number(object, where, "journal_seq", 0, INT64_MAX);
		hash_member(object, where, "journal_hash", seal->journal_hash);
		seal->content.journal_hash = seal->journal_hash;
	}

	oms_seal_hash(&seal->content, hash);
	if (memcmp(hash, seal->hash, HASH_LEN) != 0)
		say_problem("%s: content does not match the hash", where);
	if (seal->content.number == 1 && memcmp(seal->previous, zeros, HASH_LEN) != 0)
		say_problem("%s: the first one has one before it", where);
	if (known->published != NULL && memcmp(known->published, seal->hash, HASH_LEN) == 0)
		proof->published = true;
}

/*
 * Check that each later seal follows the one before it; the last one is left in "seal".
 */
static void
check_later_seals(const Json *seals, const Known *known, Proof *proof, Seal *seal)
{
	int			n = 0;

	if (seals->type != JSON_ARRAY)
		refuse("proof: \"later_seals\" is not an array");
	for (const Json *object = seals->first; object != NULL; object = object->next)
	{
		Seal		before = *seal;
		char		where[32];

		snprintf(where, sizeof(where), "later seal %d", ++n);
		check_seal(object, where, known, proof, seal);
		if (seal->content.number != before.content.number + 1 ||
			memcmp(seal->previous, before.hash, HASH_LEN) != 0)
			say_problem("%s: does not follow the seal before it", where);
	}
}

/* ---- stamps ---- */

/*
 * Check one token over the hash of a seal; NULL and the time, or the reason.
 */
static const char *
check_stamp(const Json *stamp, const unsigned char *hash, char *when)
{
	size_t		len = stamp->type == JSON_STRING ? strlen(stamp->string) / 2 : 0;
	unsigned char *token = malloc(len + 1);
	const char *problem;

	if (token == NULL)
		give_up("stamp", "out of memory");
	if (stamp->type != JSON_STRING || !decode_hex(stamp->string, token, len))
		refuse("stamp: not bytes in hex");
	problem = stamp_check(token, len, hash, when);
	free(token);
	return problem;
}

/*
 * Check that a trusted authority stamped a seal: one is enough, as there may be others whom one does not trust.
 */
static void
check_stamps(const Json *stamps, const unsigned char *hash, char *when)
{
	const char *problem = NULL;

	for (const Json *stamp = stamps->first; stamp != NULL; stamp = stamp->next)
		if ((problem = check_stamp(stamp, hash, when)) == NULL)
			return;
	say_problem("stamp: %s", problem != NULL ? problem : "there is none");
}

/* ---- the journal ---- */

#define ENTRY_KEYS	9

/*
 * Check one entry after the one with the hash "previous", which becomes its own.
 */
static void
check_entry(const Json *object, int64_t seq, unsigned char *previous)
{
	char		where[64];
	unsigned char stored[HASH_LEN];
	OmsJournalEntry entry = {.seq = seq};

	snprintf(where, sizeof(where), "journal entry %lld", (long long) seq);
	entry.moved = json_get(object, "moved") != NULL;
	check_object(object, where, ENTRY_KEYS + (entry.moved ? 1 : 0));
	if (entry.moved && !boolean(object, where, "moved"))
		refuse("%s: \"moved\" is left out where it is not so", where);
	if (number(object, where, "seq", 1, INT64_MAX) != seq)
		say_problem("%s: its number is another", where);
	entry.at = time_member(object, where, "at");
	entry.actor = text(object, where, "actor");
	entry.session = text_or_null(object, where, "session_actor");
	entry.what = text(object, where, "what");
	entry.name = text_or_null(object, where, "name");
	entry.before = text_or_null(object, where, "before");
	entry.after = text_or_null(object, where, "after");
	hash_member(object, where, "hash", stored);

	check_hash(where, oms_journal_layout, &entry, previous, stored);
	memcpy(previous, stored, HASH_LEN);
}

/*
 * Check that the entries are a chain that ends where the seal says.
 */
static void
check_journal(const Json *journal, const Seal *seal, Proof *proof)
{
	const Json *entries;
	unsigned char previous[HASH_LEN];
	int64_t		seq;

	if (journal->type == JSON_NULL)
		return;
	check_object(journal, "journal", 2);
	hash_member(journal, "journal", "previous", previous);
	entries = member(journal, "journal", "entries");
	if (entries->type != JSON_ARRAY || entries->count == 0)
		refuse("journal: \"entries\" is not an array of entries");
	if (seal->content.journal_hash == NULL)
		refuse("journal: the seal has none");
	proof->nentries = entries->count;
	seq = seal->content.journal_seq - entries->count;
	if (seq < 0)
		refuse("journal: has %d entries, the seal only %lld", entries->count, (long long) seal->content.journal_seq);
	for (const Json *entry = entries->first; entry != NULL; entry = entry->next)
		check_entry(entry, ++seq, previous);
	if (memcmp(previous, seal->journal_hash, HASH_LEN) != 0)
		say_problem("journal: it is not the one that was sealed");
}

/* ---- the whole ---- */

static void
print_hash(const unsigned char *hash)
{
	for (int i = 0; i < HASH_LEN; i++)
		printf("%02x", hash[i]);
}

/*
 * The last seal of the proof is "last"; "when" is empty if no stamp was checked.
 */
static void
print_result(const Proof *proof, const Seal *seal, int sealed, const Seal *last, const char *when)
{
	printf("ok: %s, %d event%s, ", proof->ticket, proof->nevents, proof->nevents == 1 ? "" : "s");
	if (sealed < proof->nevents)
		printf("the first %d ", sealed);
	printf("sealed by seal %lld ", (long long) seal->content.number);
	print_hash(seal->hash);
	if (*when != '\0')
	{
		printf("; seal %lld ", (long long) last->content.number);
		print_hash(last->hash);
		printf(" stamped %s", when);
	}
	else if (proof->nstamps > 0)
		printf("; stamps not checked: %d", proof->nstamps);
	if (proof->nentries > 0)
		printf("; journal from entry %lld to %lld", (long long) seal->content.journal_seq - proof->nentries + 1,
			   (long long) seal->content.journal_seq);
	if (proof->nmoved > 0)
		printf("; recorded under a moved clock: %d", proof->nmoved);
	putchar('\n');
}

/*
 * A member that the proof may lack, and count it.
 */
static const Json *
optional_member(const Json *json, const char *key, int *count)
{
	const Json *value = json_get(json, key);

	*count += value != NULL ? 1 : 0;
	return value;
}

#define PROOF_KEYS	7

/*
 * Check a proof and say what comes of it; the exit code.
 */
static int
check_proof(const Json *json, const Known *known)
{
	Proof		proof = {0};
	Seal		seal;
	Seal		last;
	const Json *leaf;
	const Json *seal_object;
	const Json *later;
	const Json *stamps;
	const Json *journal;
	unsigned char head[HASH_LEN];
	char		when[STAMP_TIME_SIZE] = "";
	int			count = PROOF_KEYS;
	int			sealed = 0;

	if (json->type != JSON_OBJECT || json_get(json, "format") == NULL ||
		strcmp(text(json, "proof", "format"), FORMAT) != 0)
		refuse("proof: this is none of oms");
	if (number(json, "proof", "version", 0, INT32_MAX) != VERSION)
		refuse("proof: of a version that this program does not know");
	later = optional_member(json, "later_seals", &count);
	stamps = optional_member(json, "stamps", &count);
	journal = optional_member(json, "journal", &count);
	check_object(json, "proof", count);
	if ((later == NULL) != (stamps == NULL) || (stamps != NULL && stamps->type != JSON_ARRAY))
		refuse("proof: \"later_seals\" and \"stamps\" are not two arrays");
	proof.ticket = text(json, "proof", "ticket");
	if (!is_ticket(proof.ticket))
		refuse("proof: \"ticket\" is not a ticket number");
	check_events(member(json, "proof", "events"), &proof);
	hash_member(json, "proof", "head", head);
	if (memcmp(head, proof.hashes[proof.nevents - 1], HASH_LEN) != 0)
		say_problem("head: it is not the hash of the last event");

	leaf = member(json, "proof", "leaf");
	seal_object = member(json, "proof", "seal");
	if (leaf->type == JSON_NULL && seal_object->type == JSON_NULL)
		say_problem("seal: the ticket is not sealed");
	else
	{
		check_seal(seal_object, "seal", known, &proof, &seal);
		sealed = check_leaf(leaf, &proof, seal.content.tickets, seal.root);
		last = seal;
		if (stamps != NULL)
		{
			proof.nstamps = stamps->count;
			check_later_seals(later, known, &proof, &last);
		}
		if (journal != NULL)
			check_journal(journal, &seal, &proof);
		if (known->published != NULL && !proof.published)
			say_problem("seal: its hash is not the one that was published");
		if (known->tsa != NULL && stamps == NULL)
			say_problem("stamp: there is none");
		else if (known->tsa != NULL)
			check_stamps(stamps, last.hash, when);
	}
	if (problems > MAX_PROBLEMS)
		printf("and %d more\n", problems - MAX_PROBLEMS);
	if (problems > 0)
		return EXIT_WRONG;
	print_result(&proof, &seal, sealed, &last, when);
	return 0;
}

/*
 * All of a file, NULL for standard input.
 */
static char *
read_all(const char *name, size_t *len)
{
	FILE	   *file = name == NULL ? stdin : fopen(name, "rb");
	size_t		size = 64 * 1024;
	char	   *buffer = NULL;

	if (file == NULL)
		give_up(name, strerror(errno));
	for (*len = 0;; size *= 2)
	{
		buffer = realloc(buffer, size);
		if (buffer == NULL)
			give_up("proof", "out of memory");
		*len += fread(buffer + *len, 1, size - *len, file);
		if (ferror(file))
			give_up(name == NULL ? "standard input" : name, strerror(errno));
		if (*len < size)
			break;
		if (size >= MAX_SIZE)
			refuse("proof: larger than %d MB", (int) (MAX_SIZE / 1024 / 1024));
	}
	if (file != stdin)
		fclose(file);
	return buffer;
}

static void
usage(void)
{
	fprintf(stderr, "usage: verify-proof [--seal HASH] [--tsa CA.pem] [FILE]\n"
			"Checks a proof that oms.proof() gave; HASH is that of a seal, as it was published, CA.pem has the certificate\n"
			"by which the time-stamping authority is trusted.\n");
	exit(EXIT_NOTHING);
}

int
main(int argc, char **argv)
{
	unsigned char published[HASH_LEN];
	Known		known = {0};
	const char *name = NULL;
	const char *problem;
	JsonError	error;
	Json	   *json;
	char	   *buffer;
	size_t		len;

	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--seal") == 0 && i + 1 < argc && known.published == NULL)
		{
			if (!decode_hex(argv[++i], published, HASH_LEN))
				give_up(argv[i], "not a hash");
			known.published = published;
		}
		else if (strcmp(argv[i], "--tsa") == 0 && i + 1 < argc && known.tsa == NULL)
		{
			known.tsa = argv[++i];
			if ((problem = stamp_trust(known.tsa)) != NULL)
				give_up(known.tsa, problem);
		}
		else if (name == NULL && argv[i][0] != '-')
			name = argv[i];
		else
			usage();
	}
	buffer = read_all(name, &len);
	json = json_read(buffer, len, &error);
	if (json == NULL)
		refuse("proof: not JSON: %s at byte %zu", error.problem, error.at + 1);
	return check_proof(json, &known);
}
