"""What the audit asks about a run as a whole, once its customers were looked at."""

FIGURES = """
    with times as (
        select product_id, count(distinct customer_id) as times
        from recommendations_recoitem where run_id = %(run)s group by product_id
    )
    select
        (select count(distinct customer_id) from recommendations_recoitem where run_id = %(run)s),
        (
            select count(*) from recommendations_recoexclusion as x
            where
                x.run_id = %(run)s and x.stage = 'offer'
                and exists (
                    select from orders_order as o
                    where
                        o.customer_id = x.customer_id and o.kind = 'sale'
                        and o.status in ('paid', 'fulfilled') and o.ordered_at < %(then)s
                )
        ),
        (
            select count(*) from orders_product as p
            where
                p.kind = 'product'
                and (p.is_active or exists (select from times where times.product_id = p.id))
        ),
        array(select times::integer from times order by times desc),
        (
            select jsonb_object_agg(scenario, items) from (
                select scenario, count(*) as items
                from recommendations_recoitem where run_id = %(run)s group by scenario
            ) as by_scenario
        ),
        array(
            select count(i.id)::integer
            from generate_series(0, 9) as tenth
            left join recommendations_recoitem as i
                on i.run_id = %(run)s and least(floor(i.score / 10), 9) = tenth
            group by tenth order by tenth
        ),
        (select avg(score)::float8 from recommendations_recoitem where run_id = %(run)s),
        (
            select avg(points)::float8 from (
                select
                    100 - %(error_penalty)s * coalesce(e.errors, 0)
                    - %(warn_penalty)s * a.warnings as points
                from recommendations_recoaudit as a
                left join (
                    select customer_id, count(*) as errors
                    from recommendations_audititem
                    where
                        run_id = %(run)s and severity = 'error' and code <> all(%(contact)s)
                    group by customer_id
                ) as e on e.customer_id = a.customer_id
                where a.run_id = %(run)s
            ) as judged
        ),
        (
            select count(*) from recommendations_audititem
            where run_id = %(run)s and code = 'CONTROL_LEAK'
        )
"""

COUNTS = """
    select
        (select jsonb_object_agg(code, jsonb_build_array(findings, customers)) from (
            select code, count(*) as findings, count(distinct customer_id) as customers
            from recommendations_audititem where run_id = %(run)s group by code
        ) as by_code),
        count(*), count(*) filter (where exportable), avg(score)::float8
    from recommendations_recoaudit where run_id = %(run)s
"""
