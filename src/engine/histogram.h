/*
 * histogram.h
 *		Counts of ratios, from which percentiles are told.
 */
#ifndef OMS_HISTOGRAM_H
#define OMS_HISTOGRAM_H

/* One per number of three significant digits from 0.001 to 9990, and one for what is less */
#define OMS_HISTOGRAM_BINS	(1 + 7 * 900)

/* Grows as needed: bins first to first + size - 1 */
typedef struct OmsHistogram
{
	int			first;
	int			size;
	int64		total;
	int64	   *counts;
} OmsHistogram;

extern int	oms_histogram_bin(double ratio);
extern double oms_histogram_value(int bin);
extern void oms_histogram_add(OmsHistogram *histogram, int bin, int64 count);
extern double oms_histogram_percentile(const OmsHistogram *histogram, double fraction);

#endif							/* OMS_HISTOGRAM_H */
