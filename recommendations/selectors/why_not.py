"""Why this product is not offered to this customer: an answer for every pair of them.

Rules that need this pair alone are asked here, with their dates; the engine adds the scenarios and
the score that the product would have had, in shops small enough to be learned for one question.
Orders, returns and exports count up to the run's day; the catalogue has no history and is read as
it is now.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Max
from django.utils import timezone

from crm_project.common.exceptions import CrmError
from customers.models import Customer
from orders.models import Order, OrderItem, Product
from recommendations.models import RecoExportItem, RecoItem, RecoRun
from recommendations.models.runs import Slot
from recommendations.scoring.settings import RecoSettings
from recommendations.scoring.shop import season_mask
from recommendations.selectors.recommendations import (
    DROPPED,
    NOT_IN_RUN,
    CustomerList,
    end_of,
    list_of,
)
from recommendations.selectors.run_plan import settings_of_run
from recommendations.selectors.whole_shop import exact_reasons
from recommendations.selectors.words.languages import spoken
from recommendations.selectors.words.refusals import refusal, refusals

LAST_EXPORTS = 2


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks against the offer: its code, the words, and the data behind it."""

    code: str
    words: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WhyNot:
    """The answer, the decisive reason first. ``item`` is the id where the product is offered."""

    customer: str
    product: str
    run: int | None
    as_of: date | None
    offered: bool
    item: int | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the rules look at."""

    customer: Customer
    product: Product
    run: RecoRun
    settings: RecoSettings
    until: datetime
    found: CustomerList
    bought: date | None
    returned: date | None


def why_not(
    *, customer: Customer, product: Product, run: RecoRun | None, language: str | None = None
) -> WhyNot:
    """Return why a run does not offer a product to a customer, or that it does."""
    with spoken(language):
        if run is None:
            return _answer(customer, product, None, None, [_reason("NO_RUN")])
        found = list_of(customer_id=customer.pk, run=run)
        offered = next((one for one in found.items if one.product_id == product.pk), None)
        if offered is not None:
            details = {"rank": offered.rank, "scenario": offered.scenario}
            return _answer(customer, product, run, offered, [_reason("OFFERED", details)])
        reasons = list(_reasons(_asked(customer, product, run, found)))
        return _answer(customer, product, run, None, reasons)


def _answer(
    customer: Customer,
    product: Product,
    run: RecoRun | None,
    item: RecoItem | None,
    reasons: list[Reason],
) -> WhyNot:
    return WhyNot(
        customer=customer.code,
        product=product.key,
        run=run.pk if run else None,
        as_of=run.as_of if run else None,
        offered=item is not None,
        item=item.pk if item else None,
        reasons=tuple(reasons),
    )


def _asked(customer: Customer, product: Product, run: RecoRun, found: CustomerList) -> _Asked:
    until = end_of(run)
    lines = OrderItem.objects.filter(
        product=product,
        order__customer=customer,
        order__status__in=Order.COUNTED,
        order__ordered_at__lt=until,
    )
    days = dict(lines.order_by().values_list("order__kind").annotate(Max("order__ordered_at")))
    return _Asked(
        customer=customer,
        product=product,
        run=run,
        settings=_settings(run),
        until=until,
        found=found,
        bought=_day(days.get(Order.Kind.SALE), run),
        returned=_day(days.get(Order.Kind.RETURN), run),
    )


def _settings(run: RecoRun) -> RecoSettings:
    """Return what the run was made with; the defaults for what this version does not know."""
    try:
        return settings_of_run(run)
    except CrmError:
        return RecoSettings()


def _day(moment: datetime | None, run: RecoRun) -> date | None:
    return None if moment is None else timezone.localtime(moment, end_of(run).tzinfo).date()


def _reasons(asked: _Asked) -> Iterator[Reason]:
    """Yield everything that speaks against it; where no rule does, what came before it."""
    found = [*_customer_reasons(asked), *_catalogue_reasons(asked), *_own_reasons(asked)]
    yield from found
    if found and found[0].code in {NOT_IN_RUN, DROPPED}:
        return
    exact = exact_reasons(
        run=asked.run, customer_id=asked.customer.pk, product_id=asked.product.pk
    )  # fmt: skip
    if exact is not None:
        codes = {reason.code for reason in found}
        yield from (_of_engine(one) for one in exact if one.code not in codes)
        return
    further = list(_scenario_reasons(asked))
    yield from further
    if asked.found.items and not found and not further:
        yield from _list_reasons(asked)


def _of_engine(found: Any) -> Reason:
    """Word a reason of the engine. What it would offer today was not offered by the run."""
    code = "OFFERED_SINCE" if found.code == "OFFERED" else found.code
    details = {} if code == "OFFERED_SINCE" else found.details
    return Reason(code, refusal(code, details), found.details)


def _customer_reasons(asked: _Asked) -> Iterator[Reason]:
    """Yield why the customer is offered nothing at all."""
    found = asked.found
    if found.items:
        return
    if found.offer is None or found.nothing_code == DROPPED:
        details = {"why": found.absent} if found.absent else {}
        yield Reason(found.nothing_code, found.nothing, details)
        return
    words = refusals(found.offer.code, found.offer.details)
    yield Reason(found.offer.code, " ".join(words), found.offer.details)


def _catalogue_reasons(asked: _Asked) -> Iterator[Reason]:
    """Yield what forbids the product to everybody."""
    product = asked.product
    if product.kind != Product.Kind.PRODUCT:
        yield _reason("NOT_A_PRODUCT")
    if not product.is_active:
        yield _reason("INACTIVE")
    if product.stock is not None and product.stock <= 0:
        yield _reason("OUT_OF_STOCK", {"stock": product.stock})
    if asked.settings.require_price and not product.price and not _ever_priced(asked):
        yield _reason("NO_PRICE")
    mask = season_mask(product.season_tags)
    if mask and not mask >> (asked.run.as_of.month - 1) & 1:
        yield _reason("OUT_OF_SEASON", {"season": product.season_tags})
    if product.created_at >= asked.until and not _ever_sold(asked):
        yield _reason("UNKNOWN_PRODUCT")


def _own_reasons(asked: _Asked) -> Iterator[Reason]:
    """Yield what this customer did with the product."""
    limit = asked.settings.recent_purchase_exclusion_days
    if asked.bought is not None and (asked.run.as_of - asked.bought).days < limit:
        days = (asked.run.as_of - asked.bought).days
        last = asked.bought.isoformat()
        yield _reason("BOUGHT_RECENTLY", {"days": days, "last_on": last, "limit": limit})
    if asked.returned is not None:
        yield _reason("RETURNED", {"on": asked.returned.isoformat()})
    if asked.settings.avoid_exported and _exported(asked):
        yield _reason("REPEATED_RECOMMENDATION", {"runs": _exported(asked)})


def _scenario_reasons(asked: _Asked) -> Iterator[Reason]:
    """Yield why no scenario of this customer could have taken the product."""
    scenarios = {item.scenario for item in asked.found.items}
    rules = asked.settings.scenario
    if asked.bought is None:
        return
    days = (asked.run.as_of - asked.bought).days
    if days > rules.rebuy_max_recency_days and "WINBACK" not in scenarios:
        yield _reason("TOO_LONG_AGO", {"days": days, "limit": rules.rebuy_max_recency_days})


def _list_reasons(asked: _Asked) -> Iterator[Reason]:
    """Yield what the list holds instead."""
    items, product = asked.found.items, asked.product
    alike = next((one for one in items if product.family and one.product.family == product.family),
                 None)  # fmt: skip
    if asked.settings.one_per_family and alike is not None:
        details = {"family": product.family, "product": alike.product.key, "rank": alike.rank}
        yield _reason("SAME_FAMILY", details)
    kind = Slot.EXPLORE if asked.bought is None else Slot.REPEAT
    if items and all(one.slot != kind for one in items):
        yield _reason("NO_SLOT", {"slot": kind.value})
    yield _reason("RANKED_BELOW", {"lowest": float(min(one.score for one in items))})


def _sales(asked: _Asked) -> Any:
    """Return the lines of counted sales of the product to anybody, up to the run's day."""
    return OrderItem.objects.filter(
        product=asked.product,
        order__kind=Order.Kind.SALE,
        order__status__in=Order.COUNTED,
        order__ordered_at__lt=asked.until,
    )


def _ever_sold(asked: _Asked) -> bool:
    return bool(_sales(asked).exists())


def _ever_priced(asked: _Asked) -> bool:
    """The engine takes the median paid where the catalogue has no price."""
    return bool(_sales(asked).filter(unit_price__gt=0).exists())


def _exported(asked: _Asked) -> list[int]:
    """Return which of the customer's last two exported runs offered the product."""
    rows = RecoExportItem.objects.filter(
        customer=asked.customer, export__created_at__lt=asked.until
    ).order_by("-export__run_id")
    last = list(rows.values_list("export__run_id", flat=True).distinct()[:LAST_EXPORTS])
    found = rows.filter(product=asked.product, export__run_id__in=last)
    return sorted(set(found.values_list("export__run_id", flat=True)))


def _reason(code: str, details: Mapping[str, Any] | None = None) -> Reason:
    return Reason(code, refusal(code, _without_scenario(details)), details or {})


def _without_scenario(details: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return {name: value for name, value in (details or {}).items() if name != "scenario"}
