-- As in version 1.

create or replace function crm.signal_number(field jsonb) returns numeric
language sql
immutable
parallel safe
as $$
    select case
        when abs(stated) < 1000000000000 then stated
    end
    from (
        select case
            when jsonb_typeof(field) = 'number' then field::numeric
            when
                jsonb_typeof(field) = 'string'
                and field #>> '{}' ~ '^-?[0-9]{1,12}([.][0-9]{1,6})?$'
                then (field #>> '{}')::numeric
        end as stated
    ) as read
$$;
