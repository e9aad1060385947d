-- The extension stays: others may use it.
drop view crm.pg_stat_statements;
drop function crm.statement_statistics();
