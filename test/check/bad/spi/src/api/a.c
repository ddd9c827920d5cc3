void oms_a(void) { SPI_connect(); }
