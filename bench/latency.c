/*
 * latency.c
 *		Listeners and paced writers for the benchmarks of the worker.
 *
 *	latency listen N [CHANNEL ...]		N sessions that listen and do nothing else, until SIGTERM
 *	latency hear FILE					writes "microseconds of the wall clock <TAB> payload" of all alerts
 *	latency pace WRITERS RATE SECS [FILE]
 *		one listener, and RATE completions a second shared by the writers, all in one process and by
 *		one clock.  Reads "ticket stage" lines from the input, one per completion.  Writes how long an
 *		event took, in microseconds, from its call ("call") and from the reply to the caller ("reply",
 *		0 if the event was there first), one line each, to FILE; a summary to the output.
 *
 * Connections are those of the environment (PGHOST, PGDATABASE, ...).
 */
#define _GNU_SOURCE
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_CONNECTIONS	1000
#define KEY_SIZE		100

static PGconn *conns[MAX_CONNECTIONS];
static struct pollfd polls[MAX_CONNECTIONS];
static int	nconns = 0;
static volatile sig_atomic_t stopped = 0;

static void
stop(int signo)
{
	(void) signo;
	stopped = 1;
}

static double
now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void
fail(const char *what)
{
	fprintf(stderr, "latency: %s\n", what);
	exit(1);
}

static PGconn *
open_connection(void)
{
	PGconn	   *conn = PQconnectdb("");

	if (nconns == MAX_CONNECTIONS)
		fail("too many connections");
	if (PQstatus(conn) != CONNECTION_OK)
		fail(PQerrorMessage(conn));
	conns[nconns] = conn;
	polls[nconns] = (struct pollfd) {.fd = PQsocket(conn), .events = POLLIN};
	nconns++;
	return conn;
}

static void
run(PGconn *conn, const char *sql)
{
	PGresult   *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail(PQerrorMessage(conn));
	PQclear(result);
}

static void
listen_to(PGconn *conn, const char *channel)
{
	char		sql[200];

	snprintf(sql, sizeof(sql), "LISTEN \"%s\"", channel);
	run(conn, sql);
}

/* ---- sessions that only listen ---- */

static long
drain(int i)
{
	PGnotify   *event;
	long		count = 0;

	if (!PQconsumeInput(conns[i]))
		fail(PQerrorMessage(conns[i]));
	while ((event = PQnotifies(conns[i])) != NULL)
	{
		PQfreemem(event);
		count++;
	}
	return count;
}

static void
idle_listeners(int n, char **channels)
{
	static char *all[] = {"oms_dispatch", "oms_status", "oms_alert", NULL};
	long		count = 0;

	if (*channels == NULL)
		channels = all;
	for (int i = 0; i < n; i++)
	{
		PGconn	   *conn = open_connection();

		for (char **channel = channels; *channel != NULL; channel++)
			listen_to(conn, *channel);
	}
	puts("listening");
	fflush(stdout);
	while (!stopped)
	{
		if (poll(polls, nconns, 1000) <= 0)
			continue;
		for (int i = 0; i < nconns; i++)
			if (polls[i].revents != 0)
				count += drain(i);
	}
	printf("%ld\n", count);
}

static void
hear_alerts(const char *path)
{
	PGconn	   *conn = open_connection();
	FILE	   *file = fopen(path, "w");

	if (file == NULL)
		fail(path);
	listen_to(conn, "oms_alert");
	puts("listening");
	fflush(stdout);
	while (!stopped)
	{
		PGnotify   *event;

		if (poll(polls, 1, 1000) <= 0)
			continue;
		if (!PQconsumeInput(conn))
			fail(PQerrorMessage(conn));
		for (; (event = PQnotifies(conn)) != NULL; PQfreemem(event))
			fprintf(file, "%.0f\t%s\n", now_us(CLOCK_REALTIME), event->extra);
	}
	fclose(file);
}

/* ---- paced writers ---- */

typedef struct Completion
{
	char		ticket[KEY_SIZE];
	char		stage[KEY_SIZE];
	double		called;			/* 0: not yet */
	double		replied;
	double		heard;
	struct Completion *next;	/* with the same hash */
} Completion;

#define BUCKETS 65536

static Completion *buckets[BUCKETS];
static Completion *work = NULL;
static int	nwork = 0;

static unsigned
hash(const char *text)
{
	unsigned	h = 2166136261u;

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char) *text) * 16777619u;
	return h % BUCKETS;
}

static void
read_work(void)
{
	int			room = 100000;

	work = malloc(sizeof(Completion) * room);
	while (nwork < room && scanf("%99s %99s", work[nwork].ticket, work[nwork].stage) == 2)
	{
		Completion *w = &work[nwork++];
		Completion **bucket = &buckets[hash(w->ticket)];

		w->called = w->replied = w->heard = 0;
		w->next = *bucket;
		*bucket = w;
	}
}

/*
 * The work list has one completion under way per ticket at most, so the newest that was called is
 * the one that the event belongs to.
 */
static void
note_event(const char *payload)
{
	double		now = now_us(CLOCK_MONOTONIC);
	const char *from = strstr(payload, "\"ticket\":\"");
	char		ticket[KEY_SIZE];
	Completion *newest = NULL;

	if (from == NULL || sscanf(from + 10, "%99[^\"]", ticket) != 1)
		return;
	for (Completion *w = buckets[hash(ticket)]; w != NULL; w = w->next)
		if (w->called > 0 && strcmp(w->ticket, ticket) == 0 &&
			(newest == NULL || w->called > newest->called))
			newest = w;
	if (newest != NULL && newest->heard == 0)
		newest->heard = now;
}

static void
take_events(PGconn *conn)
{
	PGnotify   *event;

	if (!PQconsumeInput(conn))
		fail(PQerrorMessage(conn));
	for (; (event = PQnotifies(conn)) != NULL; PQfreemem(event))
		note_event(event->extra);
}

static void
call(PGconn *conn, Completion *w)
{
	const char *values[2] = {w->ticket, w->stage};

	w->called = now_us(CLOCK_MONOTONIC);
	if (!PQsendQueryPrepared(conn, "done", 2, values, NULL, NULL, 0))
		fail(PQerrorMessage(conn));
}

/* True if the reply is complete */
static int
take_reply(PGconn *conn, Completion *w)
{
	PGresult   *result;

	if (!PQconsumeInput(conn))
		fail(PQerrorMessage(conn));
	while (!PQisBusy(conn))
	{
		result = PQgetResult(conn);
		if (result == NULL)
			return 1;
		if (PQresultStatus(result) != PGRES_TUPLES_OK)
			fail(PQerrorMessage(conn));
		PQclear(result);
		w->replied = now_us(CLOCK_MONOTONIC);
	}
	return 0;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static void
summary(const char *name, double *values, int n, FILE *file)
{
	if (file != NULL)
		for (int i = 0; i < n; i++)
			fprintf(file, "%s\t%.0f\n", name, values[i]);
	qsort(values, n, sizeof(double), compare);
	if (n > 0)
		printf("%s\t%.0f\t%.0f\t%.0f\n", name, values[n / 2], values[(int) (n * 0.99)], values[n - 1]);
}

static void
report(double took, int late, const char *path)
{
	double	   *values = malloc(sizeof(double) * nwork);
	FILE	   *file = path == NULL ? NULL : fopen(path, "w");
	int			called = 0;
	int			n = 0;

	for (int i = 0; i < nwork; i++)
	{
		called += work[i].called > 0;
		if (work[i].heard > 0)
			values[n++] = work[i].heard - work[i].called;
	}
	printf("rate\t%.0f\ncalls\t%d\nheard\t%d\nlate\t%d\n", called * 1e6 / took, called, n, late);
	summary("call", values, n, file);
	n = 0;
	for (int i = 0; i < nwork; i++)
		if (work[i].heard > 0)
			values[n++] = work[i].heard > work[i].replied ? work[i].heard - work[i].replied : 0;
	summary("reply", values, n, file);
	n = 0;
	for (int i = 0; i < nwork; i++)
		if (work[i].replied > 0)
			values[n++] = work[i].replied - work[i].called;
	summary("roundtrip", values, n, file);
	if (file != NULL)
		fclose(file);
	free(values);
}

/*
 * A call that is due while all writers are busy is made as soon as one is free, and counted as late.
 */
static void
pace(int writers, int rate, int secs, const char *path)
{
	PGconn	   *listener = open_connection();
	Completion *current[MAX_CONNECTIONS] = {NULL};
	double		start;
	double		end;
	int			made = 0;
	int			late = 0;
	int			busy = 0;

	read_work();
	listen_to(listener, "oms_dispatch");
	for (int i = 1; i <= writers; i++)
	{
		PGresult   *result;

		result = PQprepare(open_connection(), "done", "SELECT oms.stage_done($1, $2)", 0, NULL);
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			fail(PQerrorMessage(conns[i]));
		PQclear(result);
	}
	start = now_us(CLOCK_MONOTONIC);
	end = start + secs * 1e6;
	/* half a second more for the last events */
	while (!stopped)
	{
		double		now = now_us(CLOCK_MONOTONIC);
		double		due = start + made * 1e6 / rate;
		struct timespec pause = {0, 100000000};

		if (now > end + 500000 && busy == 0)
			break;
		if (now < end && due <= now && made < nwork && busy < writers)
		{
			int			i = 1 + made % writers;

			while (current[i] != NULL)
				i = i % writers + 1;
			current[i] = &work[made++];
			call(conns[i], current[i]);
			busy++;
			late += now - due > 1000;
			continue;
		}
		if (now < end && made < nwork && busy < writers)
			pause = (struct timespec) {0, (long) ((due - now) * 1000) % 1000000000};
		if (ppoll(polls, nconns, &pause, NULL) <= 0)
			continue;
		if (polls[0].revents != 0)
			take_events(listener);
		for (int i = 1; i <= writers; i++)
			if (polls[i].revents != 0 && current[i] != NULL && take_reply(conns[i], current[i]))
			{
				current[i] = NULL;
				busy--;
			}
	}
	report(end - start, late, path);
}

int
main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = stop};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (argc >= 3 && strcmp(argv[1], "listen") == 0)
		idle_listeners(atoi(argv[2]), argv + 3);
	else if (argc == 3 && strcmp(argv[1], "hear") == 0)
		hear_alerts(argv[2]);
	else if (argc >= 5 && strcmp(argv[1], "pace") == 0)
		pace(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), argv[5]);
	else
		fail("usage: latency listen N [CHANNEL ...] | hear FILE | pace WRITERS RATE SECS [FILE]");
	for (int i = 0; i < nconns; i++)
		PQfinish(conns[i]);
	return 0;
}
