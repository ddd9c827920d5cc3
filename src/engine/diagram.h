/*
 * diagram.h
 *		A workflow, or a ticket on its way through one, as a picture for Mermaid or Graphviz.
 */
#ifndef OMS_DIAGRAM_H
#define OMS_DIAGRAM_H

#include "oms.h"

typedef enum OmsDiagramFormat
{
	OMS_MERMAID,
	OMS_DOT
} OmsDiagramFormat;

extern text *oms_diagram_draw(const OmsGraph *graph, const OmsTicket *ticket,
							  OmsDiagramFormat format);

#endif							/* OMS_DIAGRAM_H */
