"""The statements of the search. Each reads a bounded number of rows, however common the words."""

BOUNDS = """
    select
        set_config('statement_timeout', %(timeout)s::text, true),
        set_config('gin_fuzzy_search_limit', %(matches)s::text, true)
"""

# Words become a query that no input can break; its text is canonical, so that it can be extended.
# querytree says 'T' (or nothing) of a query that an index cannot serve, such as "-this".
READ = """
    select q::text, querytree(q) not in ('', 'T'), numnode(q)
    from websearch_to_tsquery('public.crm_search', %(words)s) as q
"""

BEGIN, END = ("\ue000", "\ue001")
"""Around what was found: two signs for private use, taken out of the text itself before."""

MARKED = {
    "marks": BEGIN + END,
    "all": "StartSel=\ue000, StopSel=\ue001, HighlightAll=true",
    "parts": (
        "StartSel=\ue000, StopSel=\ue001, MaxFragments=2, MaxWords=18, MinWords=4, ShortWord=0,"
        ' FragmentDelimiter=" … "'
    ),
}

# Whose code, old code or address it is comes first; then the best of those that have the words.
CUSTOMERS = """
    with exact as (
        select id from customers_customer where code in (%(text)s, upper(%(text)s))
        union
        select id from customers_customer where email_normalized = lower(%(text)s)
        union
        select customer_id from customers_customeralias where code = %(text)s
    ),

    worded as materialized (
        select id
        from customers_customer
        where crm_customer_words(code, name, email) @@ %(prefixed)s::tsquery
        limit %(candidates)s
    ),

    best as materialized (
        select
            id,
            code,
            name,
            email,
            id in (select id from exact) as is_exact,
            2 * ts_rank(words, %(whole)s::tsquery)
            + ts_rank(words, %(prefixed)s::tsquery) as rank
        from
            customers_customer,
            crm_customer_words(code, name, email) as words
        where
            id in (select id from exact union select id from worded)
            and status = 'active'
        order by is_exact desc, rank desc, code
        limit %(limit)s
    )

    select
        id, code, name, rank, is_exact,
        ts_headline(
            'public.crm_search',
            translate(
                concat_ws(' · ', nullif(name, ''), code, nullif(email, '')),
                %(marks)s,
                ''
            ),
            %(prefixed)s::tsquery,
            %(all)s
        )
    from best
    order by is_exact desc, rank desc, code
"""

PRODUCTS = """
    with exact as (
        select id from orders_product where key in (%(text)s, upper(%(text)s))
        union
        select product_id from orders_productalias where normalized_label = lower(%(text)s)
    ),

    worded as materialized (
        select id
        from orders_product
        where crm_product_words(key, label, category, family) @@ %(prefixed)s::tsquery
        limit %(candidates)s
    ),

    best as materialized (
        select
            id,
            key,
            label,
            category,
            id in (select id from exact) as is_exact,
            2 * ts_rank(words, %(whole)s::tsquery)
            + ts_rank(words, %(prefixed)s::tsquery) as rank
        from
            orders_product,
            crm_product_words(key, label, category, family) as words
        where id in (select id from exact union select id from worded)
        order by is_exact desc, is_active desc, rank desc, key
        limit %(limit)s
    )

    select
        id, key, label, rank, is_exact,
        ts_headline(
            'public.crm_search',
            translate(
                concat_ws(' · ', label, key, nullif(category, '')),
                %(marks)s,
                ''
            ),
            %(prefixed)s::tsquery,
            %(all)s
        )
    from best
    order by is_exact desc, rank desc, key
"""

# Common words are among the newest signals: these are read and compared one by one.
SIGNALS_NEWEST = """
    select id, occurred_at, ts_rank_cd(search, %(prefixed)s::tsquery) as rank
    from (
        select id, occurred_at, search
        from analytics_signal
        order by occurred_at desc, id desc
        limit %(walk)s
    ) as newest
    where search @@ %(prefixed)s::tsquery
    limit %(candidates)s
"""

# Others by the index of words, partition by partition from the newest, until there are enough or
# the time is up: then the last row has no id.
SIGNALS_INDEXED = """
    select id, occurred_at, rank
    from crm_search_signals(%(prefixed)s::tsquery, %(candidates)s, %(budget)s)
"""

SIGNALS_SHOWN = """
    select
        s.id, s.occurred_at, s.event_type, s.customer_ref, s.product_ref, c.id, c.code, c.name,
        ts_headline(
            'public.crm_search',
            translate(
                left(
                    crm_signal_text(s.event_type, s.customer_ref, s.product_ref, s.signal_data),
                    4000
                ),
                %(marks)s,
                ''
            ),
            %(prefixed)s::tsquery,
            %(parts)s
        )
    from unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) with ordinality
        as best (id, occurred_at, place)
    inner join analytics_signal as s
        on best.id = s.id and best.occurred_at = s.occurred_at
    left join customers_customer as c on s.customer_id = c.id
    order by best.place
"""

# What mistyped words may have been: words gathered at night, and those of the newest rows.
# The kinds are names of columns here: they come from the code, never from the caller.
KNOWN = "select word from analytics_searchword where word = any(%(words)s) and ({kinds})"
SIMILAR = """
    select typed, near.word, near.common
    from unnest(%(words)s::text[]) as typed
    cross join lateral (
        select word::text, ({counts})::bigint as common
        from analytics_searchword
        where word %% typed and ({kinds})
        order by similarity(word, typed) desc, word
        limit 40
    ) as near
"""
NEWEST_WORDS = {
    "customers": """
        select crm_customer_words(code, name, '') as words
        from (
            select code, name
            from customers_customer
            where status = 'active'
            order by updated_at desc, id desc
            limit %(newest)s
        ) as newest
    """,
    "products": """
        select crm_product_words(key, label, category, family) as words
        from (
            select key, label, category, family
            from orders_product
            order by id desc
            limit %(newest)s
        ) as newest
    """,
    "signals": """
        select search as words
        from (
            select search from analytics_signal order by occurred_at desc, id desc limit %(newest)s
        ) as newest
    """,
}
SIMILAR_NEWEST = """
    with found as materialized (
        select word, count(*) as common
        from ({documents}) as newest
        cross join lateral unnest(tsvector_to_array(newest.words)) as word
        where word ~ '^[[:alpha:]]{{3,40}}$'
        group by word
    )

    select typed, found.word, found.common
    from unnest(%(words)s::text[]) as typed
    inner join found on similarity(found.word, typed) >= {threshold}
"""
