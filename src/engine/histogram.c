/*
 * histogram.c
 *		Counts of ratios, from which percentiles are told.
 *
 * A ratio is kept to three significant digits, so it is off by half a percent at most, wherever it lies,
 * and what people write (0.2, 0.85, 1.5) is not off at all.  Histograms are merged by adding, and tell
 * any percentile as percentile_cont would of the rounded ratios; so a percentile is off by half a
 * percent at most as well.  What is less than 0.001 counts as 0, what is more than 9990 as 9990.
 */
#include "postgres.h"

#include <math.h>

#include "engine/histogram.h"

#define PER_DECADE	900
#define DECADES		7
#define LEAST		0.001

/* Space is taken in steps of so many bins */
#define STEP		512

/*
 * In which bin a ratio is counted.  NaN counts as 0, as there is none.
 */
int
oms_histogram_bin(double ratio)
{
	double		start = LEAST;
	int			decade = 0;
	int			digits;

	if (!(ratio >= LEAST))
		return 0;
	while (decade < DECADES && ratio >= start * 10)
	{
		start *= 10;
		decade++;
	}
	if (decade == DECADES)
		return OMS_HISTOGRAM_BINS - 1;
	digits = (int) rint(ratio / start * 100);
	/* 999.6 rounds to the first of the next decade, which is the next bin */
	return Min(1 + decade * PER_DECADE + Max(digits, 100) - 100, OMS_HISTOGRAM_BINS - 1);
}

/*
 * The ratio that a bin stands for.
 */
double
oms_histogram_value(int bin)
{
	static const double scale[DECADES] = {100000, 10000, 1000, 100, 10, 1, 0.1};

	if (bin == 0)
		return 0;
	/* a division is exact to the last digit where the product with a negative power of ten is not */
	return ((bin - 1) % PER_DECADE + 100) / scale[(bin - 1) / PER_DECADE];
}

static void
make_room(OmsHistogram *histogram, int bin)
{
	int			first = bin / STEP * STEP;
	int			end = first + STEP;
	int64	   *counts;

	if (histogram->counts != NULL)
	{
		if (bin >= histogram->first && bin < histogram->first + histogram->size)
			return;
		first = Min(first, histogram->first);
		end = Max(end, histogram->first + histogram->size);
	}
	counts = palloc0(sizeof(int64) * (end - first));
	if (histogram->counts != NULL)
	{
		memcpy(counts + (histogram->first - first), histogram->counts, sizeof(int64) * histogram->size);
		pfree(histogram->counts);
	}
	histogram->counts = counts;
	histogram->first = first;
	histogram->size = end - first;
}

/*
 * Add some ratios of one bin; room is made in the current memory context.
 */
void
oms_histogram_add(OmsHistogram *histogram, int bin, int64 count)
{
	make_room(histogram, bin);
	histogram->counts[bin - histogram->first] += count;
	histogram->total += count;
}

/* The ratio with so many others before it */
static double
nth(const OmsHistogram *histogram, int64 n)
{
	int64		before = 0;
	int			i = 0;

	while (i < histogram->size - 1 && before + histogram->counts[i] <= n)
		before += histogram->counts[i++];
	return oms_histogram_value(histogram->first + i);
}

/*
 * A percentile, between two ratios by proportion.  There must be at least one.
 */
double
oms_histogram_percentile(const OmsHistogram *histogram, double fraction)
{
	double		position = fraction * (histogram->total - 1);
	double		below = nth(histogram, (int64) floor(position));
	double		above = nth(histogram, (int64) ceil(position));

	return below + (above - below) * (position - floor(position));
}
