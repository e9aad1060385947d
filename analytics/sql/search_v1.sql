-- Search by words: what of customers and products is searched, and the words that exist.
-- Signals carry their words themselves (signal_storage, column search).

-- Each part of an e-mail address is a word of its own, so that "example" finds ann@example.org.
create function public.crm_customer_words(code text, name text, email text) returns tsvector
language sql
immutable
parallel safe
as $$
    select setweight(to_tsvector('public.crm_search'::regconfig, code), 'A')
        || setweight(to_tsvector('public.crm_search'::regconfig, name), 'A')
        || setweight(
            to_tsvector('public.crm_search'::regconfig, translate(email, '@.', '  ')), 'B'
        )
$$;

comment on function public.crm_customer_words is
'What the search finds a customer by: code, name, and the parts of the e-mail address.';

create function public.crm_product_words(key text, label text, category text, family text)
returns tsvector
language sql
immutable
parallel safe
as $$
    select setweight(to_tsvector('public.crm_search'::regconfig, key || ' ' || label), 'A')
        || setweight(
            to_tsvector('public.crm_search'::regconfig, category || ' ' || family), 'C'
        )
$$;

comment on function public.crm_product_words is
'What the search finds a product by: key and label, and with less weight category and family.';

-- Without the list of waiting entries: a search would have to read it each time.
create index customer_words
on public.customers_customer
using gin (public.crm_customer_words(code, name, email))
with (fastupdate = off);
create index product_words
on public.orders_product
using gin (public.crm_product_words(key, label, category, family))
with (fastupdate = off);

-- Serves the search for words that are like a mistyped one.
create index search_word_similar
on public.analytics_searchword
using gin (word public.gin_trgm_ops);

-- All text that a signal carries, for showing what was found in it.
create function public.crm_signal_text(
    event_type text, customer_ref text, product_ref text, signal_data jsonb
)
returns text
language sql
immutable
parallel safe
as $$
    select event_type || ' · ' || customer_ref
        || case when product_ref = '' then '' else ' · ' || product_ref end
        || coalesce(
            ' · ' || (
                select string_agg(told #>> '{}', ' · ')
                from jsonb_path_query(signal_data, 'strict $.** ? (@.type() == "string")') as told
            ),
            ''
        )
$$;

comment on function public.crm_signal_text is
'A signal''s type, references and all strings of its data, in their order.';

-- Words worth suggesting: letters only (codes and numbers are not mistyped words), not too long.
-- Those of customers and products are gathered anew each time, so that the words of removed people
-- go; those of signals come on top, from what was stored since a moment.
create function crm_private.gather_search_words(part text, since timestamptz) returns bigint
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    documents text;
    gathered bigint;
begin
    documents := case part
        when 'customers' then
            'select crm_customer_words(code, name, '''') from customers_customer'
            ' where status = ''active'''
        when 'products' then
            'select crm_product_words(key, label, category, family) from orders_product'
        when 'signals' then format(
            'select search from analytics_signal where created_at >= %L',
            coalesce(since, '-infinity')
        )
    end;
    if documents is null then
        raise exception 'There are no words of %.', part;
    end if;
    drop table if exists pg_temp.search_found;
    create temporary table search_found on commit drop as
    select word, ndoc::bigint as rows_with
    from ts_stat(documents)
    where word ~ '^[[:alpha:]]{3,40}$';
    get diagnostics gathered = row_count;
    analyze search_found;

    insert into analytics_searchword as w (word, customers, products, signals, seen_at)
    select
        word,
        case part when 'customers' then rows_with else 0 end,
        case part when 'products' then rows_with else 0 end,
        case part when 'signals' then rows_with else 0 end,
        statement_timestamp()
    from search_found
    order by word
    on conflict (word) do update set
        customers = case part when 'customers' then excluded.customers else w.customers end,
        products = case part when 'products' then excluded.products else w.products end,
        signals = case
            when part = 'signals' and since is null then excluded.signals
            else w.signals + excluded.signals
        end,
        seen_at = excluded.seen_at
    where
        part = 'signals'
        or (part = 'customers' and w.customers <> excluded.customers)
        or (part = 'products' and w.products <> excluded.products);

    update analytics_searchword as w
    set
        customers = case part when 'customers' then 0 else w.customers end,
        products = case part when 'products' then 0 else w.products end,
        signals = case part when 'signals' then 0 else w.signals end
    where
        case part
            when 'customers' then w.customers
            when 'products' then w.products
            when 'signals' then w.signals
        end > 0
        and (part <> 'signals' or since is null)
        and not exists (select from search_found as f where f.word = w.word);
    delete from analytics_searchword
    where customers = 0 and products = 0 and signals = 0;
    drop table search_found;
    return gathered;
end
$$;

comment on function crm_private.gather_search_words is
'Bring the words of customers, products or signals up to date; returns how many were found.';

revoke all on function crm_private.gather_search_words(text, timestamptz) from public;

-- The newest signals with words, partition by partition from the index of words, however long
-- these are: an event of long ago makes no months to look through that there are no signals of.
-- Not as one statement: the planner would walk all signals looking for enough, or read the index
-- of times as well.
create function public.crm_search_signals(
    query tsquery,
    wanted integer,
    budget interval
)
returns table (id uuid, occurred_at timestamptz, rank real)
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
-- Bounds of partitions are read as text.
set timezone = 'UTC'
set enable_indexscan = off
set enable_seqscan = off
-- Of words in a large part of a month's signals, some are enough.
set gin_fuzzy_search_limit = 60000
as $$
declare
    piece record;
    got bigint;
    left_over bigint := wanted;
begin
    for piece in
        select bounds[1]::timestamptz as starts, bounds[2]::timestamptz as ends
        from pg_inherits as i
        inner join pg_class as c on i.inhrelid = c.oid
        cross join lateral regexp_match(
            pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)'
        ) as bounds
        where i.inhparent = 'public.analytics_signal'::regclass
        order by starts desc
    loop
        if clock_timestamp() >= statement_timestamp() + budget then
            -- The sign that time is up: a row without an id.
            return query select null::uuid, null::timestamptz, null::real;
            return;
        end if;
        -- Literals, so that the planner sees that the bounds are those of a partition.
        return query execute format(
            'select id, occurred_at, ts_rank_cd(search, $1)'
            ' from analytics_signal'
            ' where search @@ $1 and occurred_at >= %L and occurred_at < %L'
            ' order by occurred_at desc, id desc'
            ' limit $2',
            piece.starts,
            piece.ends
        )
        using query, left_over;
        get diagnostics got = row_count;
        left_over := left_over - got;
        exit when left_over <= 0;
    end loop;
end
$$;

comment on function public.crm_search_signals is
'The newest signals with words; a row without id says that time was up.';
