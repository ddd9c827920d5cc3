/*
 * ticket_id.h
 *		The 8-byte ticket number: year, serial number and prefix in one word.
 */
#ifndef OMS_TICKET_ID_H
#define OMS_TICKET_ID_H

#include "fmgr.h"

typedef uint64 OmsTicketId;

/* "ABCD-9999-2147483647" and the terminating zero */
#define OMS_TICKET_ID_TEXT_SIZE		21
#define OMS_TICKET_NUMBER_MAX		INT64CONST(0x7FFFFFFF)

#define DatumGetTicketId(d)			((OmsTicketId) DatumGetInt64(d))
#define TicketIdGetDatum(x)			Int64GetDatum((int64) (x))
#define PG_GETARG_TICKET_ID(n)		DatumGetTicketId(PG_GETARG_DATUM(n))
#define PG_RETURN_TICKET_ID(x)		return TicketIdGetDatum(x)

extern bool oms_ticket_prefix_encode(const char *prefix, int len, uint32 *code);
extern OmsTicketId oms_ticket_id_make(uint32 prefix_code, int year, int64 number);
extern int	oms_ticket_id_year(OmsTicketId id);
extern int64 oms_ticket_id_number(OmsTicketId id);
extern OmsTicketId oms_ticket_id_year_end(int year);
extern char *oms_ticket_id_to_text(OmsTicketId id, char *buffer);
extern bool oms_ticket_id_parse(const char *text, int len, OmsTicketId *id);

#endif							/* OMS_TICKET_ID_H */
