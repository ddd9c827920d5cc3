CREATE FUNCTION oms.a() RETURNS int
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog
    RETURN 1;
