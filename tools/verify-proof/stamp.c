/*
 * stamp.c
 *		Tokens of time-stamping authorities (RFC 3161), by OpenSSL's libcrypto.
 *
 * The one part of the program that needs a library, as checking signatures does.  Without WITH_LIBCRYPTO it is
 * left out, and says so.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "engine/sha256.h"

#include "stamp.h"

#ifdef WITH_LIBCRYPTO

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ts.h>
#include <openssl/x509_vfy.h>

/* The name since OpenSSL 3.4, which warns of the old one */
#if OPENSSL_VERSION_NUMBER < 0x30400000L
#define TS_VERIFY_CTX_set0_store TS_VERIFY_CTX_set_store
#endif

static const char *trusted = NULL;

/*
 * The certificates to trust, in a file in PEM.  NULL, or what is wrong with it.
 */
const char *
stamp_trust(const char *file)
{
	X509_STORE *store = X509_STORE_new();
	bool		good = store != NULL && X509_STORE_load_locations(store, file, NULL) == 1;

	X509_STORE_free(store);
	trusted = file;
	return good ? NULL : "no certificate in PEM";
}

/*
 * Is the token over this hash, by SHA-256?  OpenSSL compares the hash only.
 */
static bool
is_over(TS_TST_INFO *info, const unsigned char *hash)
{
	TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
	const ASN1_OBJECT *algorithm;
	ASN1_OCTET_STRING *message = TS_MSG_IMPRINT_get_msg(imprint);

	X509_ALGOR_get0(&algorithm, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
	return OBJ_obj2nid(algorithm) == NID_sha256 && ASN1_STRING_length(message) == OMS_SHA256_LEN &&
		memcmp(ASN1_STRING_get0_data(message), hash, OMS_SHA256_LEN) == 0;
}

/*
 * The trusted certificates, valid or not at the time of the token: it was made then, however old they are today.
 */
static X509_STORE *
store_as_of(const ASN1_GENERALIZEDTIME *time)
{
	X509_STORE *store = X509_STORE_new();
	struct tm	tm;
	int			days;
	int			seconds;
	ASN1_TIME  *epoch = ASN1_TIME_set(NULL, 0);

	if (store != NULL && epoch != NULL && ASN1_TIME_to_tm(time, &tm) == 1 &&
		ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 && X509_STORE_load_locations(store, trusted, NULL) == 1)
		X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t) days * 86400 + seconds);
	else
	{
		X509_STORE_free(store);
		store = NULL;
	}
	ASN1_TIME_free(epoch);
	return store;
}

static bool
is_signed(PKCS7 *token, const ASN1_GENERALIZEDTIME *time)
{
	TS_VERIFY_CTX *context = TS_VERIFY_CTX_new();
	X509_STORE *store = store_as_of(time);
	bool		good = false;

	if (context != NULL && store != NULL)
	{
		TS_VERIFY_CTX_set_flags(context, TS_VFY_SIGNATURE | TS_VFY_VERSION);
		/* the context frees it */
		TS_VERIFY_CTX_set0_store(context, store);
		store = NULL;
		good = TS_RESP_verify_token(context, token) == 1;
	}
	X509_STORE_free(store);
	TS_VERIFY_CTX_free(context);
	return good;
}

static bool
print_time(const ASN1_GENERALIZEDTIME *time, char *when)
{
	BIO		   *bio = BIO_new(BIO_s_mem());
	int			len = 0;

	if (bio != NULL && ASN1_GENERALIZEDTIME_print(bio, time) == 1)
		len = BIO_read(bio, when, STAMP_TIME_SIZE - 1);
	BIO_free(bio);
	when[len > 0 ? len : 0] = '\0';
	return len > 0;
}

/*
 * Did an authority that is trusted stamp this hash?  NULL and the time at which it did, else the reason.
 */
const char *
stamp_check(const unsigned char *token, size_t len, const unsigned char *hash, char *when)
{
	const unsigned char *p = token;
	PKCS7	   *pkcs7 = d2i_PKCS7(NULL, &p, (long) len);
	TS_TST_INFO *info = NULL;
	const char *problem = NULL;

	if (pkcs7 == NULL || p != token + len || (info = PKCS7_to_TS_TST_INFO(pkcs7)) == NULL)
		problem = "not a token of RFC 3161";
	else if (!is_over(info, hash))
		problem = "it is over something else than the seal's hash";
	else if (!is_signed(pkcs7, TS_TST_INFO_get_time(info)))
	{
		problem = ERR_reason_error_string(ERR_peek_last_error());
		if (problem == NULL)
			problem = "not signed by whom is trusted";
	}
	else if (!print_time(TS_TST_INFO_get_time(info), when))
		problem = "its time cannot be read";
	ERR_clear_error();
	TS_TST_INFO_free(info);
	PKCS7_free(pkcs7);
	return problem;
}

#else

const char *
stamp_trust(const char *file)
{
	(void) file;
	return "this verify-proof was built without libcrypto";
}

const char *
stamp_check(const unsigned char *token, size_t len, const unsigned char *hash, char *when)
{
	(void) token, (void) len, (void) hash, (void) when;
	return "cannot be checked without libcrypto";
}

#endif
