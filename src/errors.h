/*
 * errors.h
 *		The SQLSTATEs of oms.  They are part of the public contract: never renumber.
 */
#ifndef OMS_ERRORS_H
#define OMS_ERRORS_H

#define OMS_ERR_UNKNOWN_WORKFLOW		MAKE_SQLSTATE('O', 'M', '0', '0', '1')
#define OMS_ERR_UNKNOWN_TICKET			MAKE_SQLSTATE('O', 'M', '0', '0', '2')
#define OMS_ERR_UNKNOWN_STAGE			MAKE_SQLSTATE('O', 'M', '0', '0', '3')
#define OMS_ERR_INVALID_DEFINITION		MAKE_SQLSTATE('O', 'M', '0', '0', '4')
#define OMS_ERR_WRONG_STATE				MAKE_SQLSTATE('O', 'M', '0', '0', '5')
#define OMS_ERR_STALE_TOKEN				MAKE_SQLSTATE('O', 'M', '0', '0', '6')
#define OMS_ERR_ALREADY_CLAIMED			MAKE_SQLSTATE('O', 'M', '0', '0', '7')
#define OMS_ERR_IDEMPOTENCY_CONFLICT	MAKE_SQLSTATE('O', 'M', '0', '0', '8')
#define OMS_ERR_APPEND_ONLY				MAKE_SQLSTATE('O', 'M', '0', '0', '9')

#endif							/* OMS_ERRORS_H */
