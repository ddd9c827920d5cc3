/*
 * seal_api.c
 *		Sealing, stamping and checking the seals, and the proof of one ticket.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "store/proof.h"
#include "store/seal.h"
#include "store/seal_verify.h"
#include "store/stamp.h"
#include "worker/kept_metrics.h"

PG_FUNCTION_INFO_V1(oms_seal);
PG_FUNCTION_INFO_V1(oms_add_stamp);
PG_FUNCTION_INFO_V1(oms_verify_seals);
PG_FUNCTION_INFO_V1(oms_proof);

#define PROOF_FORMAT	"oms-proof"
#define PROOF_VERSION	1

/* Authorities' tokens have a few kilobytes */
#define MAX_TOKEN		(64 * 1024)

/*
 * seal(everything bool) → bigint, the number of the last seal; 0 if there is none.
 */
Datum
oms_seal(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	int64		number;

	oms_arg_required(fcinfo, 0, "everything");
	oms_call_begin(&call, "oms.seal()");
	number = oms_store_seal(PG_GETARG_BOOL(0));
	oms_call_end(&call);
	PG_RETURN_INT64(number);
}

/*
 * add_stamp(seal bigint, token bytea) → bool, false if it is there already.
 */
Datum
oms_add_stamp(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsSeal		seal;
	bytea	   *token;
	bool		added;

	oms_arg_required(fcinfo, 0, "seal");
	oms_arg_required(fcinfo, 1, "token");
	token = PG_GETARG_BYTEA_PP(1);
	if (VARSIZE_ANY_EXHDR(token) > MAX_TOKEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the token has more than %d kB", MAX_TOKEN / 1024)));
	oms_call_begin(&call, "oms.add_stamp()");
	if (!oms_store_read_seal(PG_GETARG_INT64(0), &seal))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no seal " INT64_FORMAT, PG_GETARG_INT64(0))));
	if (!oms_stamp_fits(token, seal.hash))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the token is not over the hash of seal " INT64_FORMAT, seal.number),
				 errhint("Ask the authority with \"openssl ts -query -sha256 -digest\" and the hash in hex, as tools/stamp-seal does.")));
	added = oms_store_add_stamp(&seal, token, call.actor.role);
	oms_call_end(&call);
	PG_RETURN_BOOL(added);
}

/* Where findings go */
typedef struct Findings
{
	ReturnSetInfo *result;
	int64		count;
} Findings;

static void
report_problem(void *context, int64 seal, OmsTicketId ticket, int seq, const char *problem)
{
	Findings   *findings = context;
	char	   *text = ticket == 0 ? pstrdup(problem) : psprintf("%s (event %d)", problem, seq);
	Datum		values[3] = {Int64GetDatum(seal), TicketIdGetDatum(ticket), CStringGetTextDatum(text)};
	bool		nulls[3] = {false, ticket == 0, false};

	tuplestore_putvalues(findings->result->setResult, findings->result->setDesc, values, nulls);
	findings->count++;
	pfree(text);
}

/*
 * verify_seals() → TABLE(seal, ticket, problem)
 */
Datum
oms_verify_seals(PG_FUNCTION_ARGS)
{
	Findings	findings = {.result = (ReturnSetInfo *) fcinfo->resultinfo};

	InitMaterializedSRF(fcinfo, 0);
	oms_look_begin();
	oms_store_check_seals(report_problem, &findings);
	oms_look_end();
	oms_metrics_note_check(OMS_CHECK_SEALS, findings.count);
	return (Datum) 0;
}

/* ---- the proof ---- */

/* A proof on its way */
typedef struct Proof
{
	JsonbParseState *state;
	bool		with_content;	/* notes and payloads themselves, not their digests */
} Proof;

static void
push_key(Proof *proof, const char *key)
{
	JsonbValue	value = {.type = jbvString, .val.string = {.val = unconstify(char *, key), .len = strlen(key)}};

	pushJsonbValue(&proof->state, WJB_KEY, &value);
}

/* Values and elements of arrays; NULL becomes null */
static void
push_string(Proof *proof, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value = {.type = jbvNull};

	if (text != NULL)
	{
		value.type = jbvString;
		value.val.string.val = unconstify(char *, text);
		value.val.string.len = strlen(text);
	}
	pushJsonbValue(&proof->state, token, &value);
}

static void
put_text(Proof *proof, const char *key, const char *text)
{
	push_key(proof, key);
	push_string(proof, WJB_VALUE, text);
}

static void
put_number(Proof *proof, const char *key, int64 number)
{
	JsonbValue	value = {.type = jbvNumeric, .val.numeric = int64_to_numeric(number)};

	push_key(proof, key);
	pushJsonbValue(&proof->state, WJB_VALUE, &value);
}

static void
put_bool(Proof *proof, const char *key, bool is)
{
	JsonbValue	value = {.type = jbvBool, .val.boolean = is};

	push_key(proof, key);
	pushJsonbValue(&proof->state, WJB_VALUE, &value);
}

static char *
as_hex(const uint8 *bytes, int len)
{
	char	   *hex;

	if (bytes == NULL)
		return NULL;
	hex = palloc(2 * len + 1);
	hex_encode((const char *) bytes, len, hex);
	hex[2 * len] = '\0';
	return hex;
}

static void
put_hash(Proof *proof, const char *key, const uint8 *hash)
{
	put_text(proof, key, as_hex(hash, OMS_HASH_LEN));
}

/*
 * A time to the microsecond in UTC, in a form that depends on no setting.
 */
static void
put_time(Proof *proof, const char *key, TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0 || tm.tm_year < 0 || tm.tm_year > 9999)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("the year of an event has no four digits")));
	put_text(proof, key, psprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year, tm.tm_mon,
								  tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int) fsec));
}

/*
 * A note or payload itself, or the digest of it.
 */
static void
put_content(Proof *proof, const char *key, const char *digest_key, const char *content,
			const uint8 *salt, const uint8 *digest)
{
	uint8		worked_out[OMS_HASH_LEN];

	if (content != NULL && salt != NULL && !proof->with_content)
	{
		oms_chain_digest(salt, content, strlen(content), worked_out);
		digest = worked_out;
	}
	put_text(proof, key, proof->with_content ? content : NULL);
	put_hash(proof, digest_key, digest);
}

static void
put_event(void *context, const OmsEventRecord *event)
{
	Proof	   *proof = context;
	const OmsEventContent *content = &event->content;

	pushJsonbValue(&proof->state, WJB_BEGIN_OBJECT, NULL);
	put_number(proof, "seq", content->seq);
	put_time(proof, "at", content->at);
	put_text(proof, "status", content->status);
	put_text(proof, "stage", content->stage);
	put_text(proof, "owner", content->owner);
	put_text(proof, "actor", content->actor);
	put_text(proof, "session_actor", content->session);
	put_text(proof, "client", content->client);
	put_text(proof, "worker", content->worker);
	put_bool(proof, "public", content->public);
	put_number(proof, "cycle", content->cycle);
	put_number(proof, "attempt", content->attempt);
	put_content(proof, "note", "note_digest", event->note, event->salt, content->note_digest);
	put_content(proof, "payload", "payload_digest", event->payload, event->salt,
				content->payload_digest);
	put_text(proof, "salt", proof->with_content ? as_hex(event->salt, OMS_SALT_LEN) : NULL);
	put_hash(proof, "hash", event->hash);
	if (content->moved)
		put_bool(proof, "moved", true);
	pushJsonbValue(&proof->state, WJB_END_OBJECT, NULL);
}

static void
put_leaf(Proof *proof, const OmsSealLeaf *leaf)
{
	OmsMerkle	tree;

	oms_store_merkle_path(leaf, &tree);
	push_key(proof, "leaf");
	pushJsonbValue(&proof->state, WJB_BEGIN_OBJECT, NULL);
	put_number(proof, "seq", leaf->seq);
	put_hash(proof, "head", leaf->head);
	put_number(proof, "position", leaf->position);
	push_key(proof, "path");
	pushJsonbValue(&proof->state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < tree.npath; i++)
		push_string(proof, WJB_ELEM, as_hex(tree.path[i], OMS_HASH_LEN));
	pushJsonbValue(&proof->state, WJB_END_ARRAY, NULL);
	pushJsonbValue(&proof->state, WJB_END_OBJECT, NULL);
}

static void
put_seal(Proof *proof, const OmsSeal *seal)
{
	pushJsonbValue(&proof->state, WJB_BEGIN_OBJECT, NULL);
	put_number(proof, "number", seal->number);
	put_time(proof, "sealed_at", seal->sealed_at);
	put_number(proof, "tickets", seal->tickets);
	put_hash(proof, "root", seal->root);
	put_hash(proof, "previous", seal->previous);
	if (seal->has_journal)
	{
		put_number(proof, "journal_seq", seal->journal_seq);
		put_hash(proof, "journal_hash", seal->journal_hash);
	}
	put_hash(proof, "hash", seal->hash);
	pushJsonbValue(&proof->state, WJB_END_OBJECT, NULL);
}

/*
 * The stamps of a seal, or of the next one that has any, with the seals on the way there.
 */
static void
put_stamps(Proof *proof, const OmsSeal *seal)
{
	int64		stamped = oms_store_stamped_seal(seal->number);
	ListCell   *lc;

	if (stamped == 0)
		return;
	push_key(proof, "later_seals");
	pushJsonbValue(&proof->state, WJB_BEGIN_ARRAY, NULL);
	for (int64 number = seal->number + 1; number <= stamped; number++)
	{
		OmsSeal		later;

		CHECK_FOR_INTERRUPTS();
		/* one that is missing is a proof that does not fit */
		if (oms_store_read_seal(number, &later))
			put_seal(proof, &later);
	}
	pushJsonbValue(&proof->state, WJB_END_ARRAY, NULL);
	push_key(proof, "stamps");
	pushJsonbValue(&proof->state, WJB_BEGIN_ARRAY, NULL);
	foreach(lc, oms_store_stamps(stamped))
	{
		bytea	   *token = lfirst(lc);

		push_string(proof, WJB_ELEM, as_hex((uint8 *) VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token)));
	}
	pushJsonbValue(&proof->state, WJB_END_ARRAY, NULL);
}

static void
put_entry(void *context, const OmsJournalRecord *record)
{
	Proof	   *proof = context;
	const OmsJournalEntry *entry = &record->entry;

	pushJsonbValue(&proof->state, WJB_BEGIN_OBJECT, NULL);
	put_number(proof, "seq", entry->seq);
	put_time(proof, "at", record->at);
	put_text(proof, "actor", entry->actor);
	put_text(proof, "session_actor", entry->session);
	put_text(proof, "what", entry->what);
	put_text(proof, "name", entry->name);
	put_text(proof, "before", entry->before);
	put_text(proof, "after", entry->after);
	put_hash(proof, "hash", record->hash);
	if (entry->moved)
		put_bool(proof, "moved", true);
	pushJsonbValue(&proof->state, WJB_END_OBJECT, NULL);
}

static void
copy_entry_hash(void *context, const OmsJournalRecord *record)
{
	if (record->hash != NULL)
		memcpy(context, record->hash, OMS_HASH_LEN);
}

/*
 * The journal up to the entry that the seal has, from the first on that tells of an owner of the ticket; null
 * if none does, or the ticket (seal NULL) was never sealed.
 */
static void
put_journal(Proof *proof, const OmsTicket *ticket, const OmsSeal *seal)
{
	uint8		before[OMS_HASH_LEN] = {0};
	int64		first = seal == NULL ? 0 : oms_store_journal_of(ticket, seal);

	if (first == 0)
	{
		put_text(proof, "journal", NULL);
		return;
	}
	oms_store_visit_journal(first - 1, first - 1, copy_entry_hash, before);
	push_key(proof, "journal");
	pushJsonbValue(&proof->state, WJB_BEGIN_OBJECT, NULL);
	put_hash(proof, "previous", before);
	push_key(proof, "entries");
	pushJsonbValue(&proof->state, WJB_BEGIN_ARRAY, NULL);
	oms_store_visit_journal(first, seal->journal_seq, put_entry, proof);
	pushJsonbValue(&proof->state, WJB_END_ARRAY, NULL);
	pushJsonbValue(&proof->state, WJB_END_OBJECT, NULL);
}

/*
 * The latest seal of a ticket, and its place in there; null if it was never sealed.
 */
static void
put_seal_of(Proof *proof, const OmsTicket *ticket, bool with_journal)
{
	OmsSealLeaf leaf;
	OmsSeal		seal;
	bool		sealed = oms_store_latest_leaf(ticket->id, &leaf) && oms_store_read_seal(leaf.seal, &seal);

	if (sealed)
	{
		put_leaf(proof, &leaf);
		push_key(proof, "seal");
		put_seal(proof, &seal);
		put_stamps(proof, &seal);
	}
	else
	{
		put_text(proof, "leaf", NULL);
		put_text(proof, "seal", NULL);
	}
	if (with_journal)
		put_journal(proof, ticket, sealed ? &seal : NULL);
}

/*
 * proof(ticket, content bool, journal bool) → jsonb: everything that tools/verify-proof needs.  It only collects:
 * the proof of a chain that is not whole is one that does not fit.
 */
Datum
oms_proof(PG_FUNCTION_ARGS)
{
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);
	Proof		proof = {NULL, false};
	OmsTicket  *ticket;
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	oms_arg_required(fcinfo, 1, "content");
	oms_arg_required(fcinfo, 2, "journal");
	proof.with_content = PG_GETARG_BOOL(1);
	oms_look_begin();
	ticket = oms_store_read(id);
	pushJsonbValue(&proof.state, WJB_BEGIN_OBJECT, NULL);
	put_text(&proof, "format", PROOF_FORMAT);
	put_number(&proof, "version", PROOF_VERSION);
	put_text(&proof, "ticket", oms_ticket_id_to_text(id, number));
	push_key(&proof, "events");
	pushJsonbValue(&proof.state, WJB_BEGIN_ARRAY, NULL);
	oms_store_visit_events(ticket, put_event, &proof);
	pushJsonbValue(&proof.state, WJB_END_ARRAY, NULL);
	put_hash(&proof, "head", ticket->head);
	put_seal_of(&proof, ticket, PG_GETARG_BOOL(2));
	oms_look_end();
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&proof.state, WJB_END_OBJECT, NULL)));
}
