drop function crm_private.rfm_fill_ntile(integer, text, date, text, smallint[]);
drop function crm_private.rfm_fill(
    integer, text, date, text, integer[], integer[], numeric[], smallint[]
);
