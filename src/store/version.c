/*
 * version.c
 *		Do the library and the SQL objects of this database belong together?
 *
 * Tables are read by the position of their columns, so objects of another script would be misread, even
 * if they call themselves by the same version, as those of two builds between releases do.  Therefore each
 * carries the fingerprint of the install script: the library OMS_FINGERPRINT, the database the function
 * oms.fingerprint().  That comes with CREATE EXTENSION and ALTER EXTENSION UPDATE, and no dump has it;
 * pg_upgrade, which takes the objects along as they are, takes it along too.
 */
#include "postgres.h"

#include "oms.h"
#include "store/spi.h"
#include "store/store.h"

/* The function is read, not called: objects from before it was there have none. */
static OmsStatement select_installed = {
	.sql = "SELECT e.extversion, COALESCE((SELECT split_part(p.prosrc, '''', 2)"
	" FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace"
	" WHERE n.nspname = 'oms' AND p.proname = 'fingerprint'"
	" AND p.pronargs = 0), 'none')"
	" FROM pg_extension AS e WHERE e.extname = 'oms'"
};

/*
 * NULL if library and SQL objects belong together.  Otherwise how they differ, in words for an error, a log or
 * a report, in the caller's memory context; *hint says what to do.
 */
char *
oms_store_misfit(const char **hint)
{
	MemoryContext caller = CurrentMemoryContext;
	const char *version = "unknown";
	const char *fingerprint = "none";
	char	   *misfit = NULL;

	*hint = NULL;
	SPI_connect();
	if (oms_sql(&select_installed, NULL, NULL) > 0)
	{
		version = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		fingerprint = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	}
	if (strcmp(version, OMS_VERSION) != 0)
	{
		misfit = psprintf("the library is oms %s, but the SQL objects are of version %s", OMS_VERSION, version);
		*hint = "Run ALTER EXTENSION oms UPDATE, and restart the server if the library is the older of the two.";
	}
	else if (strcmp(fingerprint, OMS_FINGERPRINT) != 0)
	{
		misfit = psprintf("library and SQL objects are both oms %s, but of different builds: "
						  "the fingerprint is %s here, %s there", OMS_VERSION, OMS_FINGERPRINT, fingerprint);
		*hint = "Restart the server if another library was installed since it started. If that does not help, "
			"install the build that the objects are of, or create the extension again, which deletes all "
			"tickets: within a version there is no update.";
	}
	if (misfit != NULL)
		misfit = MemoryContextStrdup(caller, misfit);
	SPI_finish();
	return misfit;
}
