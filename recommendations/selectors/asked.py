"""What people and other systems name, found: customers, products, runs, campaigns, segments."""

from collections.abc import Collection

from analytics.models import SavedSegment
from crm_project.common.exceptions import CrmError, NotReadyError
from customers.models import Campaign, Customer
from customers.selectors.customers import ids_by_code
from orders.models import Product
from recommendations.models import RecoRun

SHOWN = 20


def customers_by_code(codes: Collection[str]) -> dict[str, Customer]:
    """Return the customers who have these codes or had them once, by the code asked for."""
    ids = ids_by_code([code for code in codes if "\x00" not in code])
    found = Customer.objects.in_bulk(set(ids.values()))
    return {code: found[key] for code, key in ids.items() if key in found}


def products_like(text: str) -> list[Product]:
    """Return products whose key or label holds every word; the one with that key alone, if any."""
    wanted = text.replace("\x00", "").strip()
    if not wanted:
        return []
    exact = Product.objects.filter(key=wanted).first()
    if exact is not None:
        return [exact]
    return list(Product.objects.search(wanted).order_by("label", "pk")[:SHOWN])


def asked_run(number: int | None) -> RecoRun:
    """Return the run of this number, or the one that everybody sees. ``CrmError`` in words."""
    if number is None:
        run = RecoRun.objects.filter(is_current=True).first()
        if run is None:
            raise NotReadyError("Nothing was recommended yet. Run: manage.py recommend")
        return run
    found = RecoRun.objects.filter(pk=number).first() if 0 < number < 2**31 else None
    if found is None:
        raise CrmError(f"There is no run {number}.")
    return found


def asked_campaign(code: str) -> Campaign:
    """Return a campaign by its code. ``CrmError`` in words."""
    found = Campaign.objects.filter(code=code).first() if "\x00" not in code else None
    if found is None:
        raise CrmError(f"There is no campaign {code!r}.")
    return found


def asked_segment(slug: str | None) -> SavedSegment | None:
    """Return a saved segment by its slug, None for none. ``CrmError`` in words."""
    if not slug:
        return None
    found = None
    if "\x00" not in slug:
        found = SavedSegment.objects.active().filter(slug=slug).first()
    if found is None:
        raise CrmError(f"There is no saved segment {slug!r}.")
    return found
