long long oms_a(void) { return GetCurrentTimestamp(); }
