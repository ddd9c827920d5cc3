CREATE TABLE oms.forgotten (
	a int
);
