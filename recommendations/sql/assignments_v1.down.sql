drop function crm_private.assign_arms(
    bigint, bigint[], text[], text[], smallint[], integer, bigint, text, numeric
);
drop function crm_private.draw(text, text, text);
