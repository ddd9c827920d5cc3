int			oms_a_count;

int
oms_a(void)
{
	return oms_b();
}
