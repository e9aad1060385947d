drop function crm_private.rfm_drop(integer);
drop function crm_private.rfm_attach(integer);
drop function crm_private.rfm_analyze(integer);
drop function crm_private.rfm_seal(integer);
