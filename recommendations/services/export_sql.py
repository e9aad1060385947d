"""The statements of an export: who could leave, who no longer may, and the rows of the file."""

from recommendations.services.audit_sql import FINDINGS

# ruff: noqa: S608 - put together from constants

CANDIDATES = """
    select
        i.customer_id,
        (array_agg(i.scenario order by i.rank) filter (where i.status = 'approved'))[1]::text,
        bool_or(i.status = 'pending'), bool_or(i.status = 'flagged'),
        coalesce(bool_and(i.decided_by_id is distinct from %(starter)s)
            filter (where i.status = 'approved'), true),
        coalesce(bool_and(a.exportable), false),
        bool_or(x.customer_id is not null), bool_or(o.customer_id is not null)
    from recommendations_recoitem as i
    left join recommendations_recoaudit as a
        on a.customer_id = i.customer_id and a.run_id = i.run_id
    left join (
        select distinct ei.customer_id
        from recommendations_recoexport as e
        join recommendations_recoexportitem as ei on ei.export_id = e.id
        where e.campaign_id = %(campaign)s
    ) as x on x.customer_id = i.customer_id
    left join (
        select distinct ei.customer_id
        from recommendations_recoexport as e
        join recommendations_recoexportitem as ei on ei.export_id = e.id
        where
            e.campaign_id <> %(campaign)s and e.purpose = 'marketing'
            and %(purpose)s = 'marketing' and e.created_at > %(pause_since)s
    ) as o on o.customer_id = i.customer_id
    where i.run_id = %(run)s
    group by i.customer_id
    order by i.customer_id
"""
"""Customers with a list: scenario of the first approved item, what else waits or is flagged,
whether nobody approved their own run, whether the audit let the list pass, whether it left before,
whether they left for another marketing campaign a short time ago.
"""

AGAIN = f"""
    select customer_id
    from ({FINDINGS}) as found
    group by customer_id
    having
        bool_or(severity = 'error')
        or 100 - %(warn_penalty)s * count(*) < %(gate)s
"""
"""Customers whose list itself no longer passes, by the data of now."""

PASSED_BUT_FOR_CONTACT = """
    select a.customer_id
    from recommendations_recoaudit as a
    left join recommendations_audititem as f
        on f.customer_id = a.customer_id and f.run_id = a.run_id and f.code <> all(%(contact)s)
    where a.run_id = %(run)s
    group by a.customer_id
    having
        count(f.code) filter (where f.severity = 'error') = 0
        and 100 - %(warn_penalty)s * count(f.code) >= %(gate)s
"""
"""Customers whose list passed, apart from the channel that the audit looked at."""

SEGMENTS = """
    select customer_id, s.name
    from analytics_currentrfmscore as r join analytics_segment as s on s.id = r.segment_id
    where customer_id = any(%s)
"""

LEAVE = """
    insert into recommendations_recoexportitem
        (export_id, customer_id, product_id, item_id, rank, scenario)
    select %(export)s, customer_id, product_id, id, rank, scenario
    from recommendations_recoitem
    where run_id = %(run)s and status = 'approved' and customer_id = any(%(customers)s)
    order by customer_id, rank
"""

ROWS = """
    select
        c.code, c.name, c.language,
        case %(channel)s
            when 'email' then c.email
            when 'sms' then c.phone
            when 'phone' then c.phone
            when 'telegram' then coalesce(c.telegram_id::text, '')
            when 'post' then coalesce(c.profile ->> 'address', '')
            else ''
        end,
        e.rank, p.key, p.label, e.scenario, i.score, i.price, e.item_id
    from recommendations_recoexportitem as e
    join recommendations_recoitem as i on i.id = e.item_id and i.run_id = %(run)s
    join customers_customer as c on c.id = e.customer_id
    join orders_product as p on p.id = e.product_id
    where e.export_id = %(export)s
    order by c.code, e.rank
"""

LEAKED = """
    select count(*)
    from recommendations_recoexportitem as e
    left join recommendations_assignment as a
        on a.customer_id = e.customer_id and a.campaign_id = %(campaign)s
    left join recommendations_recoitem as i on i.id = e.item_id and i.run_id = %(run)s
    where
        e.export_id = %(export)s
        and (a.arm is distinct from 'treatment' or i.status is distinct from 'approved')
"""
"""Must find nothing: rows of an export that are not treated or not approved."""
