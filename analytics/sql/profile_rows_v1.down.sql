drop function crm_private.profile_rows(bigint[], timestamptz, text);
