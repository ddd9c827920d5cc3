# The beginning of the install script of oms, for that of a front.
s/oms--1\.0\.sql: the SQL objects of oms, in the order of the rooms in src\//oms_front--1.0.sql: a front of databases that have oms/
s/CREATE EXTENSION oms"/CREATE EXTENSION oms_front"/
s/what oms\.check() and the reports of oms are made of/what the functions of a front are made of/
