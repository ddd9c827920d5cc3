int
oms_c(void)
{
	return oms_a_count;
}
