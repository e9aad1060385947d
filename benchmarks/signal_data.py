"""A million made signals with words as they are used: few common ones, many rare ones."""

from itertools import product
from random import Random

from django.db import connection

from benchmarks import scratch
from benchmarks.framework import Scale

SIGNALS = 1_000_000
PRODUCTS = 3_000
WORDS = 20_000

# A word is the more common the earlier it stands: in proportion to 1 / place.
FILL = """
    create temporary table word as
    select place::int, word from unnest(%(words)s::text[]) with ordinality as w (word, place);

    create unique index on word (place);

    analyze word;

    insert into customers_customer
        (code, name, email, phone, language, country, created_at, updated_at)
    select
        'C' || lpad(i::text, 8, '0'), initcap(first.word || ' ' || last.word),
        last.word || i || '@example.org', '', '', '',
        now() - interval '2 years', now() - interval '1 year'
    from generate_series(1, %(customers)s) as i
    inner join word as first on first.place = 1 + i %% 307
    inner join word as last on last.place = 1 + i %% 9973;

    insert into orders_product (key, label, category, family)
    select
        'P' || lpad(i::text, 5, '0'), upper(first.word || ' ' || last.word),
        '', initcap(last.word)
    from generate_series(1, %(products)s) as i
    inner join word as first on first.place = 1 + i %% 101
    inner join word as last on last.place = 1 + i %% 1009;

    analyze customers_customer, orders_product;

    select crm_private.ensure_signal_partitions(
        'analytics_signal',
        (select array_agg(now() - make_interval(days => d)) from generate_series(0, 400, 5) as d)
    );

    insert into analytics_signal (
        id, occurred_at, received_at, created_at, customer_id, customer_ref, product_id,
        product_ref, event_type, score, source, message_id, signal_data
    )
    select
        gen_random_uuid(), made.moment, made.moment, made.moment,
        c.id, coalesce(c.code, 'anon-' || made.i), p.id, p.key,
        (array['view', 'view', 'view', 'view', 'page', 'add_to_cart', 'email_opened', 'purchase'])
            [1 + made.i %% 8],
        round((random() * 0.9 + 0.1)::numeric, 2), 'bench', made.i::text,
        jsonb_build_object(
            'session', md5((made.i / 8)::text),
            'title', one.word || ' ' || two.word || ' ' || three.word,
            'page', 'https://shop.example/' || lower(replace(p.label, ' ', '-')),
            'device', (array['mobile', 'desktop'])[1 + made.i %% 2],
            'price', round((random() * 50)::numeric, 2)
        )
    from (
        select
            i,
            now() - (%(signals)s - i) * interval '395 days' / %(signals)s as moment,
            1 + floor(power(random(), 1.5) * %(customers)s)::int as customer,
            1 + floor(power(random(), 2) * %(products)s)::int as product,
            exp(random() * ln(%(vocabulary)s))::int as one,
            exp(random() * ln(%(vocabulary)s))::int as two,
            1 + (i::bigint * 7919 %% %(vocabulary)s)::int as three
        from generate_series(1, %(signals)s) as i
    ) as made
    inner join word as one on made.one = one.place
    inner join word as two on made.two = two.place
    inner join word as three on made.three = three.place
    inner join orders_product as p on p.key = 'P' || lpad(made.product::text, 5, '0')
    left join customers_customer as c
        on c.code = 'C' || lpad(made.customer::text, 8, '0') and made.i %% 10 > 0
    order by made.i
"""


def words() -> list[str]:
    """Return distinct made words, always the same."""
    letters = ("bdgklmnprst", "aeiou", "lmnrst", "aeiou", "bdkpv", "aeo", "nrst")
    every = ["".join(signs) for signs in product(*letters)]
    return Random(7).sample(every, WORDS)  # noqa: S311 - nothing secret


def fill(scale: Scale) -> list[str]:
    """Fill the (new) database with customers, articles and signals; return the words used."""
    used = words()
    with connection.cursor() as cursor:
        cursor.execute("select setseed(0.42)")
        cursor.execute("set session_replication_role = replica")
        for statement in FILL.split(";"):
            cursor.execute(
                statement,
                {
                    "words": used,
                    "vocabulary": len(used),
                    "customers": scale.customers,
                    "products": PRODUCTS,
                    "signals": SIGNALS,
                },
            )
        cursor.execute("reset session_replication_role")
        cursor.execute("drop table word")
    scratch.sql("vacuum (analyze)")
    return used
