drop function crm_private.outcome_fill(timestamptz, timestamptz, integer);
drop function crm_private.outcome_purchases(timestamptz, timestamptz, integer);
drop function crm_private.orders_in_windows(
    timestamptz, timestamptz, bigint, boolean, integer
);
drop function crm_private.outcome_moments(timestamptz, timestamptz, text);
