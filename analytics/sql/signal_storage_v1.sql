-- Signals, the log of what was received, and the receipts. Partitions by month are made by the
-- functions of signal_partitions; who writes is analytics.services.signal_store alone.
-- No foreign keys: a check of each row would cost as much as storing it. The triggers of
-- signal_links hold the references instead.

create table public.analytics_signal (
    id uuid not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    created_at timestamptz not null default statement_timestamp(),
    customer_id bigint,
    product_id bigint,
    score numeric(3, 2) not null,
    historical boolean not null default false,
    customer_ref varchar(200) not null,
    product_ref varchar(200) not null default '',
    event_type varchar(50) not null,
    source varchar(200) not null,
    message_id varchar(100) not null default '',
    kind varchar(8) not null default 'track',
    signal_data jsonb not null default '{}',
    search tsvector generated always as (
        setweight(
            to_tsvector(
                'public.crm_search'::regconfig,
                event_type || ' ' || customer_ref || ' ' || product_ref
            ),
            'A'
        )
        || jsonb_to_tsvector('public.crm_search'::regconfig, signal_data, '["string"]')
    ) stored,
    primary key (id, occurred_at),
    constraint signal_score_0_to_1 check (score between 0 and 1),
    constraint signal_kind_known check (
        kind in ('track', 'identify', 'alias', 'group', 'page', 'screen')
    )
) partition by range (occurred_at);

comment on table public.analytics_signal is
'One row per thing that a customer did. Partitioned by occurred_at, by month in UTC.';

-- Serves the customer's page and score (seed 003, idx_events_user_timestamp).
create index signal_customer_newest
on public.analytics_signal (customer_id, occurred_at desc)
where customer_id is not null;
-- Serves lists and sums by type (seeds 001 and 003, idx_events_type_timestamp).
create index signal_type_newest on public.analytics_signal (event_type, occurred_at desc);
-- Serves the linking of a new customer's earlier signals, and only that.
create index signal_unresolved
on public.analytics_signal (customer_ref)
where customer_id is null;
-- Serves purchases and top products of a period (seed 003, idx_events_purchases).
create index signal_purchases
on public.analytics_signal (occurred_at desc, product_id, customer_id)
where event_type = 'purchase';
-- Serves the list by article.
create index signal_product_newest
on public.analytics_signal (product_id, occurred_at desc)
where product_id is not null;
-- Serves the newest signals in the admin and the API, page by page.
create index signal_newest on public.analytics_signal (occurred_at desc, id desc);
-- Serves questions about what is in the data (seed 001, idx_signals_data).
create index signal_data on public.analytics_signal using gin (signal_data jsonb_path_ops);
-- Serves the search by words.
create index signal_search on public.analytics_signal using gin (search);

create table public.analytics_rawevent (
    id uuid not null,
    received_at timestamptz not null,
    may_identify boolean not null default false,
    source varchar(200) not null,
    token varchar(12) not null default '',
    message_id varchar(100) not null default '',
    shape varchar(10) not null,
    hint varchar(10) not null default '',
    sent_at varchar(40) not null default '',
    outcome varchar(11) not null default 'stored',
    body bytea not null,
    primary key (id, received_at),
    constraint raw_event_outcome_known check (outcome in ('stored', 'duplicate', 'quarantined'))
) partition by range (received_at);

comment on table public.analytics_rawevent is
'One row per event received, as it came. Append-only. Partitioned by received_at, by month in UTC.';

-- Serves the few that did not become signals.
create index raw_event_not_stored
on public.analytics_rawevent (outcome, id)
where outcome <> 'stored';

create function crm_private.raw_event_stays() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'Raw events are never changed.' using errcode = 'restrict_violation';
end
$$;

revoke all on function crm_private.raw_event_stays() from public;

create trigger raw_event_stays before update or delete on public.analytics_rawevent
for each row execute function crm_private.raw_event_stays();

create table public.analytics_signalreceipt (
    digest bytea not null,
    event_id uuid not null,
    received_at timestamptz not null,
    primary key (digest),
    constraint signal_receipt_digest_16 check (octet_length(digest) = 16)
) partition by hash (digest);

comment on table public.analytics_signalreceipt is
'One row per source and message id ever stored. It never expires: what it names is never stored '
'again.';

do $$
begin
    for part in 0..15 loop
        execute format(
            'create table public.%I partition of public.analytics_signalreceipt'
            ' for values with (modulus 16, remainder %s)',
            'analytics_signalreceipt_' || to_char(part, 'FM00'), part
        );
    end loop;
end
$$;

-- What the planner knows of all months together: autovacuum, looking at each month by itself,
-- never finds it out.
create function crm_private.analyze_signals() returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    analyze only analytics_signal;
end
$$;

comment on function crm_private.analyze_signals is
'Tell the planner about the signals of all months together: how many customers, types, articles.';

revoke all on function crm_private.analyze_signals() from public;
