"""The rules of offers, checked from the orders alone: nothing here uses the code that made them.

``broken_rules(run)`` returns a sentence for every item that breaks a rule of the run's settings,
``broken_exports(export)`` for every row that should not have left, ``broken_outcomes()`` for every
order that was counted although it did not follow a contact.
"""

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from math import log2, sqrt
from statistics import median
from zoneinfo import ZoneInfo

from django.db import connection

from recommendations.models import Assignment, RecoItem

LINES = """
    select o.customer_id, o.id, (o.ordered_at at time zone %(zone)s)::date as day, i.product_id,
           p.family, i.quantity, i.net_amount, p.premium_tier, o.ordered_at
    from orders_orderitem i
    join orders_order o on o.id = i.order_id
    join orders_product p on p.id = i.product_id
    where o.kind = %(kind)s and o.status in ('paid', 'fulfilled') and p.kind = 'product'
      and o.customer_id is not null and (o.ordered_at at time zone %(zone)s)::date <= %(as_of)s
    order by o.customer_id, o.ordered_at, o.id, i.ordinal
"""


def rows(sql, **values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


class Facts:
    """What a reader of the orders knows about each customer at the end of a day."""

    def __init__(self, run):
        asked = {"zone": run.time_zone, "as_of": run.as_of}
        self.as_of = run.as_of
        self.orders = defaultdict(dict)
        self.last_day, self.spent = {}, defaultdict(float)
        self.bought = defaultdict(lambda: defaultdict(set))
        self.families = defaultdict(dict)
        self.prices, self.tiers = defaultdict(list), defaultdict(list)
        self.family, self.buyers = {}, defaultdict(set)
        for who, order, day, product, family, pieces, money, tier, _ in rows(
            LINES, kind="sale", **asked
        ):
            spent = self.orders[who].setdefault(order, defaultdict(float))
            spent[family] += float(money)
            self.last_day[who] = day
            self.spent[who] += float(money)
            self.bought[who][product].add(day)
            self.family[product] = family
            self.buyers[product].add(who)
            if money > 0:
                self.prices[who].append(float(money) / float(pieces))
            if tier is not None:
                self.tiers[who].append(tier)
        self.returned, self.sent_back = set(), defaultdict(float)
        for who, _, _, product, family, _, money, _, _ in rows(LINES, kind="return", **asked):
            self.returned.add((who, product))
            self.sent_back[who, family] += float(money)
        self._intervals()

    def _intervals(self):
        """The median days between purchases: of a pair, of a product, of a family."""
        self.own, of_product, of_family = {}, defaultdict(list), defaultdict(list)
        for who, products in self.bought.items():
            for product, days in products.items():
                if len(days) < 2:
                    continue
                gap = median((b - a).days for a, b in pairwise(sorted(days)))
                of_product[product].append(gap)
                if self.family[product]:
                    of_family[self.family[product]].append(gap)
                if len(days) >= 3:
                    self.own[who, product] = gap
        self.of_product = {key: median(gaps) for key, gaps in of_product.items()}
        self.of_family = {key: median(gaps) for key, gaps in of_family.items()}

    def since_bought(self, who, product):
        days = self.bought[who].get(product)
        return (self.as_of - max(days)).days if days else None

    def interval(self, who, product):
        return self.own.get(
            (who, product),
            self.of_product.get(product, self.of_family.get(self.family.get(product))),
        )


def broken_rules(run, settings):
    """Return sentences about items that break a rule; ``settings``: what the run obeyed."""
    facts = Facts(run)
    catalogue = {
        key: (kind, active, stock, family, tier)
        for key, kind, active, stock, family, tier in rows(
            "select id, kind, is_active, stock, family, premium_tier from orders_product"
        )
    }
    lists = defaultdict(list)
    for item in RecoItem.objects.filter(run=run).order_by("customer_id", "rank"):
        lists[item.customer_id].append(item)
    found = []
    for who, items in lists.items():
        check = _List(who, items, facts, catalogue, settings)
        found += [f"customer {who}: {words}" for words in check.broken()]
    return found


class _List:
    def __init__(self, who, items, facts, catalogue, settings):
        self.who, self.items, self.facts = who, items, facts
        self.catalogue, self.settings, self.rules = catalogue, settings, settings.scenario
        self.orders = list(facts.orders[who].values())
        self.days = (facts.as_of - facts.last_day[who]).days if self.orders else None

    def broken(self):
        yield from self._as_a_list()
        for item in self.items:
            yield from self._as_a_product(item)
            yield from getattr(self, f"_{item.scenario.lower()}")(item)

    def _as_a_list(self):
        if [item.rank for item in self.items] != list(range(1, len(self.items) + 1)):
            yield "ranks are not 1, 2, 3"
        if len(self.items) > self.settings.max_recos:
            yield "too many products"
        if len({item.product_id for item in self.items}) < len(self.items):
            yield "one product twice"
        scores = [item.score for item in self.items]
        if scores != sorted(scores, reverse=True):
            yield "a lower score stands higher"
        lapsed = self.days is not None and self.days >= self.rules.winback_recency_days
        worth = self.facts.spent[self.who] >= self.rules.winback_min_historical_ca
        kinds = {item.scenario for item in self.items}
        if lapsed and worth and kinds != {"WINBACK"}:
            yield f"lapsed, and offered {kinds}"
        if "WINBACK" in kinds and not (lapsed and worth):
            yield "won back without having lapsed"
        if self.settings.one_per_family:
            yield from self._families()

    def _families(self):
        """A family may stand twice only where too few families have a product to offer."""
        named = [self.catalogue[item.product_id][3] for item in self.items]
        if "" in named or len(set(named)) == len(named):
            return
        lapsed = self.days is not None and self.days >= self.rules.winback_recency_days
        products = [] if lapsed else self.facts.bought[self.who]
        bought = [product for product in products if self._may_rebuy(product)]
        possible = {self.catalogue[product][3] for product in bought}
        kinds = {item.scenario for item in self.items}
        if "NURTURE" in kinds:
            possible |= self._own_families()
        if "CROSS_SELL" in kinds or len(possible - {""}) > len(set(named)):
            yield f"families twice: {named}, possible: {sorted(possible)}"

    def _own_families(self):
        """The families bought, without those of which everything was sent back."""
        spent = defaultdict(float)
        for order in self.orders:
            for family, money in order.items():
                spent[family] += money
        left = self.facts.sent_back
        return {name for name, money in spent.items() if not money or money > left[self.who, name]}

    def _may_rebuy(self, product):
        kind, active, stock, _, _ = self.catalogue[product]
        for_sale = kind == "product" and active and (stock is None or stock > 0)
        since = self.facts.since_bought(self.who, product)
        return (
            for_sale
            and (self.who, product) not in self.facts.returned
            and since >= self.settings.recent_purchase_exclusion_days
            and self._least_days(product) <= since <= self.rules.rebuy_max_recency_days
        )

    def _least_days(self, product):
        interval = self.facts.interval(self.who, product)
        if interval is None:
            return self.rules.rebuy_min_recency_days
        share = self.rules.rebuy_interval_share * interval
        return max(self.settings.recent_purchase_exclusion_days, share)

    def _as_a_product(self, item):
        kind, active, stock, _, _ = self.catalogue[item.product_id]
        if kind != "product" or not active or (stock is not None and stock <= 0):
            yield f"{item.product_id} is not for sale"
        if self.settings.require_price and item.price is None:
            yield f"{item.product_id} has no price"
        since = self.facts.since_bought(self.who, item.product_id)
        if since is not None and since < self.settings.recent_purchase_exclusion_days:
            yield f"{item.product_id} was bought {since} days ago"
        if (self.who, item.product_id) in self.facts.returned:
            yield f"{item.product_id} was sent back"
        repeated = since is not None or item.scenario == "WINBACK"
        if (item.slot == "repeat") != repeated:
            yield f"{item.product_id} stands in the wrong slot"

    def _winback(self, item):
        bought = self.facts.since_bought(self.who, item.product_id) is not None
        own = {self.facts.family[product] for product in self.facts.bought[self.who]}
        if not bought and self.catalogue[item.product_id][3] not in own:
            yield "won back with a strange family"

    def _rebuy(self, item):
        since = self.facts.since_bought(self.who, item.product_id)
        if since is None:
            yield "bought again what was never bought"
            return
        least = self._least_days(item.product_id)
        if not least <= since <= self.rules.rebuy_max_recency_days:
            yield f"bought again after {since} days, allowed from {least}"

    def _dominant(self):
        total = defaultdict(float)
        for order in self.orders:
            for family, money in order.items():
                total[family] += money
        return {family: money for family, money in total.items() if money > 0}

    def _never_bought(self, item):
        if self.facts.since_bought(self.who, item.product_id) is not None:
            yield f"{item.scenario} of a product that was bought before"
        if len(self.orders) < 2:
            yield f"{item.scenario} with {len(self.orders)} orders"

    def _cross_sell(self, item):
        yield from self._never_bought(item)
        if len(self.facts.buyers[item.product_id]) < self.rules.cross_sell_min_support:
            yield "cross-sold with little support"
        spend = self._dominant()
        family = self.catalogue[item.product_id][3]
        if not self.rules.cross_sell_any and spend and max(spend, key=spend.get) == family:
            yield "cross-sold inside the dominant family"

    def _upsell(self, item):
        yield from self._never_bought(item)
        _, _, _, _, tier = self.catalogue[item.product_id]
        tiers, prices = self.facts.tiers[self.who], self.facts.prices[self.who]
        if tier is not None and tiers:
            if tier < median(tiers) + self.rules.upsell_min_tier_lift:
                yield "up-sold to no higher tier"
        elif item.price is not None and prices:
            ratio = float(item.price) / median(prices)
            low, high = self.rules.upsell_price_from, self.rules.upsell_price_to
            if not low < ratio <= high + 0.01:
                yield f"up-sold at {ratio:.2f} times the usual price"

    def _nurture(self, item):
        if len(self.orders) > self.rules.nurture_max_orders:
            yield f"nurtured with {len(self.orders)} orders"


def stability(older, newer):
    """1 less the Jensen-Shannon distance (base 2) of two distributions; for hand-made cases."""
    mixed = {key: (older.get(key, 0) + newer.get(key, 0)) / 2 for key in {*older, *newer}}
    halves = [
        sum(share * log2(share / mixed[key]) for key, share in half.items() if share)
        for half in (older, newer)
    ]
    return 1 - sqrt(sum(halves) / 2)


def broken_exports(export, *, silence=135):
    """Return sentences about rows of an export that should not have left."""
    zone = ZoneInfo(export.run.time_zone)
    today = export.created_at.astimezone(zone).date()
    sent = defaultdict(list)
    for who, moment in rows(
        "select customer_id, occurred_at from customers_contactevent where direction = 'outbound'"
        " and purpose = 'marketing' and status <> 'failed' and occurred_at <= %(then)s",
        then=export.created_at,
    ):
        sent[who].append(moment.astimezone(zone).date())
    arms = dict(
        Assignment.objects.filter(campaign=export.campaign).values_list("customer_id", "arm")
    )
    found = []
    for row in export.items.select_related("customer"):
        customer, item = row.customer, RecoItem.objects.get(pk=row.item_id, run=export.run)
        if arms.get(customer.pk) != "treatment":
            found.append(f"{customer.code}: arm {arms.get(customer.pk)}")
        if item.status != "approved":
            found.append(f"{customer.code}: item {item.status}")
        if not customer.contactable:
            found.append(f"{customer.code}: {customer.not_contactable_reason}")
        last = max(sent[customer.pk], default=None)
        if last and (today - last) < timedelta(days=silence):
            found.append(f"{customer.code}: written to {(today - last).days} days ago")
    return found


def broken_outcomes():
    """Return sentences about purchases counted though they did not follow the contact."""
    return [
        f"order {number} at {ordered} after contact at {contacted}, window {window}"
        for number, ordered, contacted, window in rows(
            """
            select o.number, o.ordered_at, a.contacted_at, a.window_days
            from recommendations_outcomeevent e
            join recommendations_assignment a on a.id = e.assignment_id
            join orders_order o on o.id = e.order_id
            where e.kind = 'purchase' and (
                o.status not in ('paid', 'fulfilled') or o.kind <> 'sale'
                or (a.contacted_at is not null and (
                    o.ordered_at <= a.contacted_at
                    or o.ordered_at > a.contacted_at + a.window_days * interval '1 day'))
            )
            """
        )
    ]
