drop function crm_private.rfm_cuts(integer, text, date, text);
