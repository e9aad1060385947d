drop function crm_private.rfm_values(integer, text);
drop function crm_private.rfm_gather(integer, timestamptz, timestamptz);
drop view crm_private.rfm_totals;
