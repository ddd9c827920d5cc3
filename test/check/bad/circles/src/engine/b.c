int
oms_b(void)
{
	return oms_c();
}
