drop function crm_private.uplift_buyers(timestamptz, bigint, integer);
drop function crm_private.uplift_groups(timestamptz, bigint);
drop function crm_private.turned_away(bigint, timestamptz, integer, timestamptz, boolean);
