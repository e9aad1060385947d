"""The statements that set lines of unknown products aside; between ``PRODUCTS`` and ``ORDERS``."""

# Products that must be known already: those of lines without an article number (their key begins
# with a space), and all of them where the batch says so.
MUST_BE_KNOWN = """
select exists (
    select from import_product where product_id is null and (%(refuse)s or key like ' %%')
)
"""
# A label that is exactly one product's own names that product.
SAME_LABEL = """
update import_product as p set product_id = s.id
from (
    select lower(trim(k.label)) as label, min(k.id) as id
    from orders_product as k
    where lower(trim(k.label)) in (
        select lower(trim(u.label)) from import_product as u
        where u.product_id is null and (%(refuse)s or u.key like ' %%')
    )
    group by lower(trim(k.label))
    having count(*) = 1
) as s
where p.product_id is null and (%(refuse)s or p.key like ' %%') and lower(trim(p.label)) = s.label
"""
UNKNOWN = """
create temp table import_unknown on commit drop as
select key, label, lines from import_product
where product_id is null and (%(refuse)s or key like ' %%')
"""
# Their lines leave the runs, the sums of these too; a run of nothing else is not accepted.
REFUSE_UNKNOWN = """
with gone as (
    delete from import_line as l using import_unknown as u where u.key = l.product
    returning l.run, l.line, l.quantity, l.unit_price, l.discount, l.tax
),
noted as (
    insert into import_refused (line, code) select line, 'unknown_product' from gone
),
lost as (
    select
        run, count(*) as n, sum(coalesce(tax, 0)) as tax,
        sum(round(quantity * unit_price - coalesce(discount, 0), 4)) as net
    from gone group by run
)
update import_run as r
set
    missing = lost.n, net = r.net - lost.net, tax = r.tax - lost.tax,
    accepted = r.lines > lost.n
from lost
where lost.run = r.run
"""
UNKNOWN_LABELS = """
select coalesce(nullif(label, ''), key), trim(case when key like ' %%' then '' else key end), lines
from import_unknown order by lines desc, key limit %(most)s
"""
