/*
 * bytes.h
 *		Laying out what is hashed: the parts that chain, leaves and seals are made of.
 *
 * Integers are big-endian; a text is its length in bytes as int4 and then its UTF-8 bytes, or length
 * -1 for NULL.  Plain C without the server, since tools/verify-proof uses the same code.
 */
#ifndef OMS_BYTES_H
#define OMS_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Where the next part goes; with a NULL buffer the parts are only counted */
typedef struct OmsBytes
{
	unsigned char *buffer;
	size_t		len;
} OmsBytes;

static inline void
oms_put_bytes(OmsBytes *bytes, const void *data, size_t len)
{
	if (bytes->buffer != NULL)
		memcpy(bytes->buffer + bytes->len, data, len);
	bytes->len += len;
}

static inline void
oms_put_uint(OmsBytes *bytes, uint64_t value, int size)
{
	unsigned char wire[8];

	for (int i = 0; i < size; i++)
		wire[i] = (unsigned char) (value >> (8 * (size - 1 - i)));
	oms_put_bytes(bytes, wire, size);
}

static inline void
oms_put_byte(OmsBytes *bytes, int value)
{
	oms_put_uint(bytes, (uint64_t) value, 1);
}

static inline void
oms_put_int32(OmsBytes *bytes, int32_t value)
{
	oms_put_uint(bytes, (uint32_t) value, 4);
}

static inline void
oms_put_int64(OmsBytes *bytes, int64_t value)
{
	oms_put_uint(bytes, (uint64_t) value, 8);
}

/* Bytes of a known length, or NULL */
static inline void
oms_put_counted(OmsBytes *bytes, const void *data, size_t len)
{
	oms_put_int32(bytes, data == NULL ? -1 : (int32_t) len);
	if (data != NULL)
		oms_put_bytes(bytes, data, len);
}

static inline void
oms_put_text(OmsBytes *bytes, const char *text)
{
	oms_put_counted(bytes, text, text == NULL ? 0 : strlen(text));
}

#endif							/* OMS_BYTES_H */
