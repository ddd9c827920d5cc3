/*
 * stamp.h
 *		Tokens of time-stamping authorities (RFC 3161).
 */
#ifndef VERIFY_STAMP_H
#define VERIFY_STAMP_H

#include <stddef.h>

/* Room for a time as Nov 26 23:59:01 2026 GMT */
#define STAMP_TIME_SIZE	64

extern const char *stamp_trust(const char *file);
extern const char *stamp_check(const unsigned char *token, size_t len, const unsigned char *hash, char *when);

#endif							/* VERIFY_STAMP_H */
