/*
 * sha256.h
 *		SHA-256, the only hash of chain and seals.
 *
 * The library has the server's (sha256.c), tools/verify-proof brings its own.
 */
#ifndef OMS_SHA256_H
#define OMS_SHA256_H

#include <stddef.h>

#define OMS_SHA256_LEN	32

/* Over two pieces of memory, one after the other; either may be empty */
extern void oms_sha256(const void *first, size_t first_len, const void *second, size_t second_len,
					   unsigned char *hash);

#endif							/* OMS_SHA256_H */
