-- The steps of a run of predictions that change tables. The caller copies plain numbers into a
-- table that metrics_open made for it; metrics_fill turns them into the rows of the run. A number
-- that is not known arrives as NaN and is stored as NULL.

create function crm_private.metrics_open(run integer) returns text
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    arrivals constant text := 'analytics_metricsvalues_' || run;
    -- Who called: inside this function current_user is the owner.
    caller constant name := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
    execute format(
        $sql$
        create unlogged table public.%I (
            customer_id bigint not null,
            pence bigint not null,
            churn double precision not null,
            chance_30d double precision not null,
            chance_90d double precision not null,
            orders_90d double precision not null,
            ltv double precision not null,
            order_value double precision not null,
            money_90d double precision not null,
            band integer not null,
            flag integer not null
        )
        $sql$,
        arrivals
    );
    execute format('grant insert on public.%I to %I', arrivals, caller);
    return arrivals;
end
$$;

comment on function crm_private.metrics_open is
'Make the table into which the caller copies the numbers of a run; returns its name.';

create function crm_private.metrics_fill(run integer, model text, bands text[], flags text[])
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    arrivals constant text := 'analytics_metricsvalues_' || run;
    metrics constant text := 'analytics_customermetrics_' || run;
    filled bigint;
begin
    execute format(
        $sql$
        create table public.%1$I as
        select
            customer_id,
            %2$s::integer as run_id,
            nullif(churn, 'nan')::real as churn_probability,
            nullif(chance_30d, 'nan')::real as purchase_probability_30d,
            nullif(chance_90d, 'nan')::real as purchase_probability_90d,
            nullif(orders_90d, 'nan')::real as expected_orders_90d,
            (pence / 100.0)::numeric(14, 2) as historic_value,
            nullif(ltv, 'nan')::numeric(14, 2) as ltv,
            nullif(order_value, 'nan')::numeric(14, 2) as expected_order_value,
            nullif(money_90d, 'nan')::numeric(14, 2) as expected_value,
            (%3$L::text[])[band + 1] as churn_band,
            case when chance_30d = 'nan' then '' else %4$L end as model,
            (%5$L::text[])[flag + 1] as quality_flag
        from public.%6$I
        $sql$,
        metrics, run, bands, model, flags, arrivals
    );
    get diagnostics filled = row_count;
    execute format('drop table public.%I', arrivals);
    execute format(
        $sql$
        alter table public.%1$I
            add constraint %2$I check (run_id = %3$s),
            add constraint %4$I check (
                churn_probability between 0 and 1
                and purchase_probability_30d between 0 and 1
                and purchase_probability_90d between 0 and 1
                and expected_orders_90d >= 0
            ),
            alter column customer_id set not null,
            alter column run_id set not null,
            alter column historic_value set not null,
            alter column churn_band set not null,
            alter column model set not null,
            alter column quality_flag set not null
        $sql$,
        metrics, metrics || '_run', run, metrics || '_range'
    );
    execute format('alter table public.%I add primary key (customer_id, run_id)', metrics);
    execute format('analyze public.%I', metrics);
    return filled;
end
$$;

comment on function crm_private.metrics_fill is
'Turn the copied numbers into the table of the run; returns its rows.';

create function crm_private.metrics_attach(run integer) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    execute format(
        'alter table analytics_customermetrics attach partition %I for values in (%s)',
        'analytics_customermetrics_' || run, run
    );
end
$$;

comment on function crm_private.metrics_attach is 'Make the rows of a run a partition of all rows.';

create function crm_private.metrics_drop(run integer) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if exists (select from analytics_metricsrun where id = run and is_current) then
        raise exception 'Run % is the current one; its rows stay.', run;
    end if;
    -- As in rfm_drop: readers must not queue behind this, so it gives up soon.
    perform set_config('lock_timeout', '100ms', true);
    execute format('drop table if exists %I', 'analytics_customermetrics_' || run);
    perform set_config('lock_timeout', '0', true);
    return true;
exception
    when lock_not_available then
        perform set_config('lock_timeout', '0', true);
        return false;
end
$$;

comment on function crm_private.metrics_drop is
'Remove the rows of an old run; false if readers were in the way for 100 ms.';

revoke all on function crm_private.metrics_open(integer) from public;
revoke all on function crm_private.metrics_fill(integer, text, text[], text[]) from public;
revoke all on function crm_private.metrics_attach(integer) from public;
revoke all on function crm_private.metrics_drop(integer) from public;
