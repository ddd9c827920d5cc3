/*
 * guc.h
 *		The settings of oms.
 */
#ifndef OMS_GUC_H
#define OMS_GUC_H

typedef enum OmsDispatchMode
{
	OMS_DISPATCH_OFF,
	OMS_DISPATCH_TRANSACTION,
	OMS_DISPATCH_WORKER
} OmsDispatchMode;

typedef enum OmsDispatchChannel
{
	OMS_CHANNEL_SHARED,
	OMS_CHANNEL_OWNER
} OmsDispatchChannel;

extern char *oms_agency;
extern bool oms_allow_moved_clock;
extern char *oms_databases;
extern int	oms_dispatch_channel;
extern int	oms_dispatch_mode;
extern int	oms_gather;
extern int	oms_max_data_size;
extern int	oms_max_databases;
extern int	oms_max_definition_size;
extern int	oms_max_message_size;
extern int	oms_max_messages_per_role;
extern int	oms_max_note_size;
extern int	oms_max_open_tickets_per_role;
extern int	oms_max_output_size;
extern int	oms_max_ticket_output_size;
extern int	oms_seal_interval;
extern bool oms_start_after_promotion;
extern bool oms_worker_enabled;

extern void oms_guc_init(bool preloading);
extern bool oms_guc_lists(const char *database);

#endif							/* OMS_GUC_H */
