/*
 * act.c
 *		A reference listener ("ACT") for oms on libpq.
 *
 * It sleeps on its socket until there is an event, an answer of its bot, a signal, or a heartbeat due.
 * An event is a hint only: what there is to do tells claim(), and whether it is still ours tells
 * heartbeat().  So events that come twice, or come while we are away, do no harm.  The bot is a process
 * of its own: it may take its time, crash, and be stopped.  One stage at a time; for more start more.
 *
 * usage: act [-n name] [-l lease seconds] [-g grace seconds] [-w work milliseconds] owner...
 */
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NEVER	LLONG_MAX
#define REST	60000			/* look for work after so many ms at the latest, see take_work() */
#define LONGEST	30000			/* pause before connecting again, at most */
#define EARLIER(a, b)	((a) < (b) ? (a) : (b))

enum { DONE, FAILED, AGAIN };

static PGconn *conn;			/* NULL: not connected */
static char sqlstate[6];		/* of the last error */
static char name[64], lease[16] = "60", **owners;
static int	nowners, turn, signals[2];
static long long grace = 10000, work_ms = 200, pause_ms = 100;
static long long connect_at, look_at, stop_at = NEVER;	/* when to do what */

static PGresult *work;			/* the row of claim() or exchange(); NULL: nothing to do */
static const char *ticket, *stage, *token, *person, *amount;	/* what it says */
static pid_t bot;				/* 0: it has ended */
static int	bot_fd, verdict;
static int	alone;				/* exchange() was refused: say how it ended by itself */
static char said[1024];			/* its output, or what went wrong */
static long long due;			/* when to send the next heartbeat, or the answer */

static long long
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void
say(const char *what, const char *detail)
{
	fprintf(stderr, "%s: ", name);
	if (work != NULL)
		fprintf(stderr, "%s %s: ", ticket, stage);
	fprintf(stderr, "%s %.*s\n", what, (int) strcspn(detail, "\n"), detail);
}

/* ---- bots: they write their output, or what is wrong, into "said" ---- */

static int
id_check(void)
{
	snprintf(said, sizeof(said), *person ? "{\"match\": true}" : "there is no name to check");
	return *person ? DONE : FAILED;
}

static int
risk_score(void)
{
	double		score = 850 - atof(amount) / 1000;

	snprintf(said, sizeof(said), "{\"score\": %.0f}", score > 350 ? score : 350);
	return DONE;
}

static int
fund(void)
{
	snprintf(said, sizeof(said), "{\"paid\": %.2f}", atof(amount));
	return DONE;
}

static const struct
{
	const char *stage;
	int			(*run) (void);
}			bots[] = {
	{ "id_check", id_check }, { "risk_ai", risk_score }, { "fund", fund }, { NULL, NULL }
};

static void
be_bot(int out)
{
	int			i = 0;

	signal(SIGINT, SIG_IGN);	/* that is for the parent, and so is its connection */
	signal(SIGTERM, SIG_IGN);
	close(PQsocket(conn));
	poll(&(struct pollfd) { out, 0, 0 }, 1, work_ms);	/* hard work, as long as anybody wants it */
	while (bots[i].run != NULL && strcmp(bots[i].stage, stage) != 0)
		i++;
	snprintf(said, sizeof(said), "no bot for this stage");
	verdict = bots[i].run != NULL ? bots[i].run() : FAILED;
	_exit(write(out, said, strlen(said)) < 0 ? AGAIN : verdict);
}

/* ---- the connection ---- */

/* It is of no use: try again after a pause, each time longer, and not all listeners at once. */
static void
hang_up(void)
{
	connect_at = now() + pause_ms / 2 + rand() % (pause_ms / 2);
	pause_ms = EARLIER(pause_ms * 2, LONGEST);
	say(PQstatus(conn) == CONNECTION_OK ? "refused:" : "no connection:", PQerrorMessage(conn));
	PQfinish(conn);
	conn = NULL;
}

/* NULL if it failed; "sqlstate" has the reason then, and the connection may be gone. */
static PGresult *
ask(const char *sql, int nargs, const char *const *args)
{
	PGresult   *result;
	const char *state;

	snprintf(sqlstate, sizeof(sqlstate), "08006");
	if (conn == NULL)
		return NULL;
	result = PQexecParams(conn, sql, nargs, NULL, args, NULL, NULL, 0);
	if (PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK)
		return result;
	if ((state = PQresultErrorField(result, PG_DIAG_SQLSTATE)) != NULL)
		snprintf(sqlstate, sizeof(sqlstate), "%s", state);
	PQclear(result);
	if (PQstatus(conn) != CONNECTION_OK)
		hang_up();
	return NULL;
}

/* Would the server say the same again? Not if it restarts, is short of something, or takes turns. */
static int
is_final(void)
{
	return strncmp(sqlstate, "OM", 2) == 0 || strncmp(sqlstate, "22", 2) == 0 ||
		strncmp(sqlstate, "42", 2) == 0;
}

static void
go_online(void)
{
	const char *keys[] = { "fallback_application_name", "connect_timeout", "keepalives_idle", NULL };
	const char *values[] = { "act", "10", "30", NULL };
	PGresult   *heard,
			   *channel;

	conn = PQconnectdbParams(keys, values, 0);
	heard = PQstatus(conn) == CONNECTION_OK ? ask("LISTEN oms_status", 0, NULL) : NULL;
	for (int i = -1; heard != NULL && i < nowners; i++)
	{							/* with oms.dispatch_channel = owner each has its own */
		PQclear(heard);
		channel = i < 0 ? ask("SELECT 'LISTEN oms_dispatch'", 0, NULL)
			: ask("SELECT 'LISTEN ' || quote_ident(oms.dispatch_channel($1))", 1,
				  (const char **) &owners[i]);
		heard = channel == NULL ? NULL : ask(PQgetvalue(channel, 0, 0), 0, NULL);
		PQclear(channel);
	}
	if (heard != NULL)
	{
		say("listening", "");
		pause_ms = 100;
		look_at = due = 0;		/* what came while we were away, and is ours still ours? */
	}
	else if (conn != NULL)
		hang_up();
	PQclear(heard);
}

/* Returns how many there were. */
static int
read_events(void)
{
	PGnotify   *event;
	int			n = 0;

	if (conn != NULL && !PQconsumeInput(conn))
		hang_up();
	for (; conn != NULL && (event = PQnotifies(conn)) != NULL; n++, PQfreemem(event))
		if (strcmp(event->relname, "oms_status") != 0)
			look_at = 0;
		else if (work != NULL && strstr(event->extra, ticket) != NULL &&
				 strstr(event->extra, "\"in progress\"") == NULL)
			due = 0;
	return n;
}

/* ---- work ---- */

static void
forget(void)
{
	if (bot != 0)
	{
		kill(bot, SIGKILL);
		waitpid(bot, NULL, 0);
		close(bot_fd);
	}
	bot = 0;
	PQclear(work);
	work = NULL;
	look_at = 0;
}

static void
start(void)
{
	int			ends[2];

	ticket = PQgetvalue(work, 0, 0);
	stage = PQgetvalue(work, 0, 1);
	token = PQgetvalue(work, 0, 2);
	person = PQgetvalue(work, 0, 3);
	amount = PQgetvalue(work, 0, 4);
	due = now() + atoi(lease) * 1000LL / 3;
	memset(said, 0, sizeof(said));
	if (pipe(ends) != 0 || (bot = fork()) < 0)
	{
		perror("act: cannot start a bot");
		exit(1);				/* the lease runs out, and the stage comes back */
	}
	if (bot == 0)
	{
		close(ends[0]);
		be_bot(ends[1]);
	}
	close(ends[1]);
	bot_fd = ends[0];
}

/* What the bot says fits into the pipe, so it comes at once and then ends. */
static void
hear_bot(void)
{
	int			status;

	if (read(bot_fd, said, sizeof(said) - 1) <= 0)
		snprintf(said, sizeof(said), "the bot crashed");
	close(bot_fd);
	waitpid(bot, &status, 0);
	verdict = WIFEXITED(status) ? WEXITSTATUS(status) : AGAIN;
	bot = 0;
	due = 0;
}

/* Is it still ours? */
static void
send_heartbeat(void)
{
	const char *args[] = { ticket, stage, token, lease };
	PGresult   *result = ask("SELECT oms.heartbeat($1, $2, $3, make_interval(secs => $4))", 4, args);

	due = now() + (result != NULL ? atoi(lease) * 1000LL / 3 : 1000);
	if (result == NULL && is_final())	/* cancelled, on hold, or somebody else has it now */
	{
		say("stopped", sqlstate);
		forget();
	}
	PQclear(result);
}

#define JOB	"SELECT ticket, stage, token, data ->> 'name', data ->> 'amount' FROM "
#define EXCHANGE(end)	JOB "oms.exchange($5, $6, jsonb_build_array(jsonb_build_object('ticket', $1::text," \
	" 'stage', $2::text, 'token', $3::int8, " end ")), $7, make_interval(secs => $8))"

/*
 * Say how the stage ended, and claim the next one in the same commit, from the owner whose turn it is.
 * All or nothing: if that is refused the reason may be the claim, so the end is then said by itself.  If
 * the connection breaks meanwhile nobody knows whether it arrived.  It may be repeated; a stage that was
 * claimed for nobody comes back with its lease.
 */
static void
answer(void)
{
	const char *args[] = { ticket, stage, token, said, owners[turn++ % nowners], name,
	stop_at == NEVER ? "1" : "0", lease, verdict == AGAIN ? "true" : "false" };
	PGresult   *result;

	if (alone)
		result = verdict == DONE ? ask("SELECT oms.stage_done($1, $2, $4, $3)", 4, args)
			: ask("SELECT oms.stage_failed($1, $2, $4, $3, $5)", 5,
				  (const char *[]) { ticket, stage, token, said, args[8] });
	else
		result = verdict == DONE ? ask(EXCHANGE("'output', $4::jsonb"), 8, args)
			: ask(EXCHANGE("'error', $4::text, 'retryable', $9::bool"), 9, args);
	due = now() + 1000;
	if (result == NULL && !is_final())
		return;
	if (result == NULL && !alone)
	{
		alone = 1;
		due = 0;
		return;
	}
	if (result != NULL)
		say(verdict == DONE ? "done" : "failed", said);
	else
		say("stopped", sqlstate);
	forget();
	if (result != NULL && !alone && PQntuples(result) == 1)
	{
		work = result;
		start();
	}
	else
		PQclear(result);
	alone = 0;
}

/*
 * claim() passes over tickets that are being changed at this moment, and no event tells when that is
 * over: so look again after a rest, even if nobody calls.
 */
static void
take_work(void)
{
	look_at = now() + REST;
	for (int i = 0; i < nowners && work == NULL; i++)
	{
		const char *args[] = { owners[turn++ % nowners], name, lease };

		work = ask(JOB "oms.claim($1, $2, 1, make_interval(secs => $3))", 3, args);
		if (work == NULL)
		{
			say("cannot claim", sqlstate);
			look_at = now() + (is_final() ? REST : 1000);
		}
		else if (PQntuples(work) == 1)
			start();
		else
		{
			PQclear(work);
			work = NULL;
		}
	}
}

/* Not finished in time. */
static void
give_back(void)
{
	const char *args[] = { ticket, stage, token };
	PGresult   *result = ask("SELECT oms.release($1, $2, 'the worker stops', $3)", 3, args);

	say(result ? "released" : "left behind", result ? "" : sqlstate);
	PQclear(result);
	forget();
}

/* ---- the loop ---- */

static void
on_signal(int signo)
{
	int			saved = errno;

	(void) !write(signals[1], &signo, 1);
	errno = saved;
}

static void
sleep_until(long long until)
{
	struct pollfd fds[] = { { signals[0], POLLIN, 0 }, { conn ? PQsocket(conn) : -1, POLLIN, 0 },
	{ bot ? bot_fd : -1, POLLIN, 0 } };
	long long	ms = until - now();
	char		c;

	if (poll(fds, 3, until == NEVER ? -1 : ms > 0 ? ms : 0) <= 0)
		return;
	if (fds[0].revents && read(signals[0], &c, 1) == 1)
		stop_at = stop_at == NEVER ? now() + grace : 0; /* the second time without grace */
	if (fds[2].revents)
		hear_bot();
}

int
main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	int			option;

	snprintf(name, sizeof(name), "act-%d", (int) getpid());
	while ((option = getopt(argc, argv, "n:l:g:w:")) != -1)
		switch (option)
		{
			case 'n': snprintf(name, sizeof(name), "%s", optarg); break;
			case 'l': snprintf(lease, sizeof(lease), "%s", optarg); break;
			case 'g': grace = atoi(optarg) * 1000LL; break;
			case 'w': work_ms = atoi(optarg); break;
			default: argc = 0;
		}
	if (optind >= argc || atoi(lease) <= 0)
	{
		fputs("usage: act [-n name] [-l lease seconds] [-g grace seconds] [-w work milliseconds]"
			  " owner...\n", stderr);
		return 2;
	}
	owners = argv + optind;
	nowners = argc - optind;
	srand(getpid());
	if (pipe(signals) != 0)
	{
		perror("act");
		return 1;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);

	while (work != NULL || stop_at == NEVER)
	{
		if (conn == NULL && now() >= connect_at)
			go_online();
		if (work != NULL && conn != NULL && now() >= due)
			(bot != 0 ? send_heartbeat : answer) ();
		if (work != NULL && now() >= stop_at)
			give_back();
		if (work == NULL && conn != NULL && stop_at == NEVER && now() >= look_at)
			take_work();
		if (read_events() == 0 && (work != NULL || stop_at == NEVER))
			sleep_until(EARLIER(stop_at, conn == NULL ? connect_at : work != NULL ? due : look_at));
	}
	PQfinish(conn);
	say("stopped", "");
	return 0;
}
