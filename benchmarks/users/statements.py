"""The statements that make the data; amounts are parameters, chance is seeded by the caller."""

PRODUCTS = """
    insert into orders_product (key, label, category, family, price, created_at, updated_at)
    select
        'P' || lpad(i::text, 5, '0'), 'Article ' || i, '', 'Family ' || i %% 40,
        round((2 + random() * 60)::numeric, 2), now(), now()
    from generate_series(1, 3000) as i
"""

# Whoever comes after their signals has those linked and counted anew, every hour.
KNOWN_BEFORE = """
    update customers_customer
    set created_at = now() - make_interval(days => %(days)s + 30), updated_at = now()
"""

CAMPAIGNS = """
    insert into customers_campaign (
        code, name, channel, purpose, cost, holdout_share, starts_at, ends_at, created_at,
        updated_at
    )
    select
        'c-' || i, 'Campaign ' || i,
        (array['email', 'email', 'email', 'sms', 'post'])[1 + i %% 5], 'marketing',
        100 + i %% 900, 0.1, moment, moment + interval '14 days', moment, moment
    from generate_series(1, %(campaigns)s) as i
    cross join lateral (
        select now() - make_interval(
            secs => 86400.0 * (1 + %(days)s * (%(campaigns)s - i)::numeric / %(campaigns)s)
        )
    ) as made (moment)
"""

# Each campaign went to as many; most were delivered, some opened, few clicked.
CONTACTS = """
    insert into customers_contactevent (
        customer_id, occurred_at, channel, direction, purpose, status, campaign_id, external_id,
        created_at
    )
    select
        first.customer + floor(random() * %(customers)s)::bigint,
        campaign.starts_at + random() * interval '1 day',
        campaign.channel, 'outbound', 'marketing',
        (array['sent', 'delivered', 'delivered', 'delivered', 'opened', 'opened', 'clicked',
               'bounced'])[1 + i %% 8],
        campaign.id, 'bench-' || i, campaign.starts_at
    from generate_series(1, %(contacts)s) as i
    cross join (
        select min(c.id) as customer from customers_customer as c
    ) as first
    cross join (select min(id) as campaign from customers_campaign) as oldest
    inner join customers_campaign as campaign
        on campaign.id = oldest.campaign + i %% %(campaigns)s
"""

# One or two lines an order, together worth what the order is.
LINES = """
    insert into orders_orderitem (order_id, ordinal, product_id, quantity, unit_price)
    select
        o.id, line.ordinal,
        first.product + floor(power(random(), 2) * 3000)::bigint,
        1, o.net_amount / (1 + o.id %% 2)
    from orders_order as o
    cross join lateral generate_series(1, 1 + (o.id %% 2)::int) as line (ordinal)
    cross join (select min(p.id) as product from orders_product as p) as first
"""

# A tenth is of people whom nobody knows yet. Some 20,000 words, few of them common.
SIGNALS = """
    insert into analytics_signal (
        id, occurred_at, received_at, created_at, customer_id, customer_ref, product_id,
        product_ref, event_type, score, source, message_id, signal_data
    )
    select
        uuidv7(moment - now()), moment, moment, moment,
        case when made.i %% 10 > 0 then first.customer + made.customer - 1 end,
        case
            when made.i %% 10 > 0 then 'C' || lpad(made.customer::text, 8, '0')
            else 'anon-' || made.i
        end,
        first.product + made.product - 1,
        'P' || lpad(made.product::text, 5, '0'),
        (array['view', 'view', 'view', 'view', 'page', 'add_to_cart', 'email_opened', 'purchase'])
            [1 + made.i %% 8],
        round((random() * 0.9 + 0.1)::numeric, 2), 'bench', made.i::text,
        jsonb_build_object(
            'session', made.i / 8,
            'title', 'word' || made.one || ' word' || made.two,
            'device', (array['mobile', 'desktop'])[1 + made.i %% 2],
            'price', round((random() * 50)::numeric, 2)
        )
    from (
        select
            i,
            now() - make_interval(
                secs => 86400.0 * %(days)s * (%(signals)s - i)::numeric / %(signals)s
            ) as moment,
            1 + floor(power(random(), 1.5) * %(customers)s)::int as customer,
            1 + floor(power(random(), 2) * 3000)::int as product,
            exp(random() * ln(20000))::int as one,
            exp(random() * ln(20000))::int as two
        from generate_series(1, %(signals)s) as i
    ) as made
    cross join (
        select
            (select min(c.id) from customers_customer as c) as customer,
            (select min(p.id) from orders_product as p) as product
    ) as first
"""
