/*
 * slot.h
 *		Values of a row in memory, by column.
 */
#ifndef OMS_SLOT_H
#define OMS_SLOT_H

#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "oms.h"

static inline void
oms_slot_set(TupleTableSlot *slot, int column, Datum value)
{
	slot->tts_values[column] = value;
	slot->tts_isnull[column] = false;
}

/* OMS_NEVER leaves the column NULL */
static inline void
oms_slot_set_time(TupleTableSlot *slot, int column, TimestampTz time)
{
	if (time != OMS_NEVER)
		oms_slot_set(slot, column, TimestampTzGetDatum(time));
}

/* OMS_NO_LENGTH leaves the column NULL */
static inline void
oms_slot_set_length(TupleTableSlot *slot, int column, int64 usecs)
{
	if (usecs != OMS_NO_LENGTH)
		oms_slot_set(slot, column, Int64GetDatum(usecs));
}

/* NULL leaves the column NULL */
static inline void
oms_slot_set_text(TupleTableSlot *slot, int column, const char *text)
{
	if (text != NULL)
		oms_slot_set(slot, column, CStringGetTextDatum(text));
}

static inline void
oms_slot_set_int(TupleTableSlot *slot, int column, int value)
{
	oms_slot_set(slot, column, Int32GetDatum(value));
}

static inline void
oms_slot_set_bytes(TupleTableSlot *slot, int column, const uint8 *bytes, int len)
{
	oms_slot_set(slot, column,
				 PointerGetDatum(cstring_to_text_with_len((const char *) bytes, len)));
}

/* A copy of the text, or NULL */
static inline const char *
oms_slot_text(const TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NULL : TextDatumGetCString(slot->tts_values[column]);
}

static inline TimestampTz
oms_slot_time(const TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? OMS_NEVER : DatumGetTimestampTz(slot->tts_values[column]);
}

static inline int64
oms_slot_length(const TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? OMS_NO_LENGTH : DatumGetInt64(slot->tts_values[column]);
}

static inline int
oms_slot_int(const TupleTableSlot *slot, int column)
{
	return DatumGetInt32(slot->tts_values[column]);
}

/* A bytea of exactly len bytes, in the row, or NULL */
static inline const uint8 *
oms_slot_bytes(const TupleTableSlot *slot, int column, int len)
{
	bytea	   *value;

	if (slot->tts_isnull[column])
		return NULL;
	value = DatumGetByteaPP(slot->tts_values[column]);
	return VARSIZE_ANY_EXHDR(value) == len ? (const uint8 *) VARDATA_ANY(value) : NULL;
}

#endif							/* OMS_SLOT_H */
