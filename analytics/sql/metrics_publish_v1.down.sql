drop function crm_private.metrics_drop(integer);
drop function crm_private.metrics_attach(integer);
drop function crm_private.metrics_fill(integer, text, text[], text[]);
drop function crm_private.metrics_open(integer);
