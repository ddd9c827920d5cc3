void
oms_guc_init(void)
{
	DefineCustomBoolVariable("oms.b", "", 0);
	DefineCustomBoolVariable("oms.a", "", 0);
}
