/*
 * sha256.c
 *		SHA-256 by the server, which may have OpenSSL do it.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"

#include "engine/sha256.h"

StaticAssertDecl(OMS_SHA256_LEN == PG_SHA256_DIGEST_LENGTH, "hashes are SHA-256");

void
oms_sha256(const void *first, size_t first_len, const void *second, size_t second_len,
		   unsigned char *hash)
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);

	if (context == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	if (pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, first, first_len) < 0 ||
		pg_cryptohash_update(context, second, second_len) < 0 ||
		pg_cryptohash_final(context, hash, OMS_SHA256_LEN) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a SHA-256 hash: %s", pg_cryptohash_error(context))));
	pg_cryptohash_free(context);
}
