-- As one expression, which the planner can put in the place of the call: ten times as fast.

create or replace function crm.signal_number(field jsonb) returns numeric
language sql
immutable
parallel safe
as $$
    select case
        when jsonb_typeof(field) = 'number' and abs(field::numeric) < 1000000000000
            then field::numeric
        when
            jsonb_typeof(field) = 'string'
            and field #>> '{}' ~ '^-?[0-9]{1,12}([.][0-9]{1,6})?$'
            then (field #>> '{}')::numeric
    end
$$;
