"""Fill catalogue fields that the shop leaves empty from its own sales; each marked as derived.

What a person or a file gave is never overwritten: only empty fields, and those that a rule filled
before. Nothing is guessed: a product without enough evidence stays as it is, and is counted with
the reason. The rules stand in docs/data-model.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from crm_project.common.exceptions import CrmError
from crm_project.common.services import refresh
from orders.importers.x_wines import NO_CURRENCY
from orders.services.families import derive_families
from orders.services.only_one import only_one

DAYS = 90
"""Sales of so many days count for prices and popularity."""

LEAST_PRICED = 8
"""A family with fewer priced products has no price bands: its quarters would be single products."""

BANDS = ("budget", "standard", "premium", "luxury")
"""Names of the quarters of a family's prices, cheapest first; the place is the premium tier."""

RULES = ("families", "prices", "bands")


@dataclass(frozen=True, slots=True)
class Derived:
    """How many products each rule filled, and how many it left alone, by reason."""

    filled: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    dry_run: bool = False

    @property
    def words(self) -> str:
        """Return what was done, for people."""
        verb = "Would fill" if self.dry_run else "Filled"
        parts = [f"{rule} of {count:,} products" for rule, count in self.filled.items()]
        words = f"{verb} {', '.join(parts)}."
        if self.left_out:
            reasons = [f"{reason} ({count:,})" for reason, count in self.left_out.items()]
            words += f" Left as they are: {'; '.join(reasons)}."
        return words


@transaction.atomic
def derive_catalogue(
    *, rules: Sequence[str] = RULES, as_of: date | None = None, dry_run: bool = False
) -> Derived:
    """Fill families, prices and price bands by rule.

    Args:
        rules: which of ``RULES``; they always run in that order, since each needs the one before.
        as_of: sales up to the end of this local day count; today unless given.
        dry_run: count only; nothing stays.

    Raises:
        CrmError: a rule that does not exist.
        ConflictError: somebody else is at it.
    """
    if wrong := sorted(set(rules) - set(RULES)):
        raise CrmError(f"There is no rule {wrong[0]!r}. The rules are: {', '.join(RULES)}.")
    only_one("derive", "Somebody is filling the catalogue right now.")
    filled: dict[str, int] = {}
    left_out: dict[str, int] = {}
    if "families" in rules:
        filled["families"] = derive_families()
    if "prices" in rules:
        filled["prices"] = derive_prices(as_of=as_of)
    if "bands" in rules:
        filled["bands"], left_out = derive_price_bands()
    if dry_run:
        transaction.set_rollback(True)
    return Derived(filled, left_out, dry_run)


@transaction.atomic
def derive_prices(*, as_of: date | None = None) -> int:
    """Set the price of products without one to what customers usually paid for a piece lately.

    That is the median unit price (one that was really charged) over the sale lines of the 90 days
    up to the product's own last sale. Returns how many prices were set or have changed.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PRICES, {"end": _end_of(as_of), "days": DAYS, "no_currency": NO_CURRENCY})
        return int(cursor.rowcount)


@transaction.atomic
def derive_price_bands() -> tuple[int, dict[str, int]]:
    """Set price band and premium tier from the quarters of the prices within each family.

    A tier is the number of quartiles strictly below the price, so that equal prices share one.
    Returns how many products were filled or have changed, and how many were left out, by reason.
    """
    values: dict[str, Any] = {"least": LEAST_PRICED, "bands": list(BANDS)}
    with connection.cursor() as cursor:
        cursor.execute(_BANDS, values)
        filled = int(cursor.rowcount)
        cursor.execute(_LEFT_OUT, values)
        return filled, {reason: count for reason, count in cursor.fetchall() if count}


def refresh_popularity(*, as_of: date | None = None) -> int:
    """Count, for each product, the customers who bought it in the 90 days up to ``as_of``.

    Sales that count, of active customers who are no test accounts. Written only where it changed.
    Returns how many products were looked at.
    """
    day = as_of or timezone.localdate()
    since, end = _end_of(day - timedelta(days=DAYS)), _end_of(day)
    with refresh.record("popularity", as_of=end) as state, transaction.atomic():
        only_one("popularity", "Somebody is counting the buyers right now.")
        with connection.cursor() as cursor:
            cursor.execute(_POPULARITY, {"end": end, "since": since})
            cursor.execute("select count(*) from orders_product")
            state.rows = int(cursor.fetchone()[0])
        return state.rows


def _end_of(as_of: date | None) -> datetime:
    """Return the end of a local day, that is the beginning of the next."""
    day = as_of or timezone.localdate()
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


# In the catalogue, a field may be filled where it is empty or was filled by a rule before.
_PRICES = """
with lines as (
    select
        i.product_id, i.unit_price, o.ordered_at,
        max(o.ordered_at) over (partition by i.product_id) as last_at
    from orders_product as p
    join orders_orderitem as i on i.product_id = p.id
    join orders_order as o on o.id = i.order_id
    where p.kind = 'product' and (p.price is null or 'price' = any (p.derived_fields))
        and o.kind = 'sale' and o.status in ('paid', 'fulfilled') and i.unit_price > 0
        and o.ordered_at < %(end)s
        -- ISO 4217's "no currency": such amounts count pieces, they are no prices.
        and o.currency <> %(no_currency)s
),
usual as (
    select
        product_id,
        round(percentile_disc(0.5) within group (order by unit_price), 2) as price
    from lines
    where ordered_at > last_at - make_interval(days => %(days)s)
    group by product_id
)
update orders_product as p
set
    price = u.price, updated_at = now(),
    derived_fields = array_append(array_remove(p.derived_fields, 'price'), 'price')
from usual as u
where u.product_id = p.id and u.price > 0 and p.price is distinct from u.price
"""

_PRICED = """
with priced as (
    select id, family, price from orders_product
    where kind = 'product' and is_active and price > 0 and family <> ''
),
cuts as (
    select
        family, count(*) as products,
        percentile_disc(array[0.25, 0.5, 0.75]) within group (order by price) as cut
    from priced group by family
)
"""
_BANDS = f"""
{_PRICED},
tiers as (
    select
        p.id,
        (p.price > c.cut[1])::int + (p.price > c.cut[2])::int + (p.price > c.cut[3])::int as tier
    from priced as p
    join cuts as c on c.family = p.family
    where c.products >= %(least)s and c.cut[1] < c.cut[3]
),
wanted as (
    select
        k.id,
        case when k.price_band is null or 'price_band' = any (k.derived_fields)
            then (%(bands)s::text[])[t.tier + 1] else k.price_band end as price_band,
        case when k.premium_tier is null or 'premium_tier' = any (k.derived_fields)
            then t.tier else k.premium_tier end as premium_tier,
        array(
            select name from unnest(array['price_band', 'premium_tier']) as name
            where (name = 'price_band' and k.price_band is null)
                or (name = 'premium_tier' and k.premium_tier is null)
        ) as newly
    from tiers as t
    join orders_product as k on k.id = t.id
)
update orders_product as p
set
    price_band = w.price_band, premium_tier = w.premium_tier, updated_at = now(),
    derived_fields = p.derived_fields || w.newly::varchar(30)[]
from wanted as w
where w.id = p.id
    and (p.price_band, p.premium_tier) is distinct from (w.price_band, w.premium_tier)
"""  # noqa: S608 - built from the constants above only
_LEFT_OUT = f"""
{_PRICED}
select
    case
        when p.price is null or p.price <= 0 then 'no price'
        when p.family = '' then 'no family'
        when c.products < %(least)s then 'fewer than {LEAST_PRICED} priced products in the family'
        when c.cut[1] >= c.cut[3] then 'nearly all prices of the family are equal'
    end as reason,
    count(*)
from orders_product as p
left join cuts as c on c.family = p.family
where p.kind = 'product' and p.is_active
    and (
        p.price is null or p.price <= 0 or p.family = '' or c.products < %(least)s
        or c.cut[1] >= c.cut[3]
    )
group by 1 order by 1
"""  # noqa: S608 - as above

_POPULARITY = """
with buyers as (
    select i.product_id, count(distinct o.customer_id) as n
    from orders_order as o
    join orders_orderitem as i on i.order_id = o.id
    join customers_customer as c on c.id = o.customer_id
    where o.kind = 'sale' and o.status in ('paid', 'fulfilled')
        and o.ordered_at >= %(since)s and o.ordered_at < %(end)s
        and c.status = 'active' and not c.is_test
    group by i.product_id
)
update orders_product as p
set popularity = w.n
from (
    select k.id, coalesce(b.n, 0) as n
    from orders_product as k left join buyers as b on b.product_id = k.id
    order by k.key
) as w
where w.id = p.id and p.popularity is distinct from w.n
"""
