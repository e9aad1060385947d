drop function crm_private.reco_drop(integer);
drop function crm_private.reco_attach(integer);
drop function crm_private.reco_seal(integer);
drop function crm_private.reco_open(integer);
