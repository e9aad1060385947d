drop function crm_private.contactability(
    bigint[], text, text, bigint, timestamptz, text[], boolean
);
drop function crm_private.contact_from(
    timestamptz, text, text, customers_contactpolicy, boolean
);
drop function crm_private.held_out(text, text, text, numeric);
