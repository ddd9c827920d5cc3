void
oms_a(void)
{
	ereport(ERROR,
			(errmsg("no code (at all)")));
}
