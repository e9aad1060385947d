drop function crm_private.rfm_values_table(integer, text);
drop function crm_private.rfm_gather(integer, timestamptz, timestamptz);
