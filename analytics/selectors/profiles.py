"""Read what customers buy: the stored profiles, or those of a past day."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from analytics.models import CustomerProfile
from analytics.models.profiles import AromaScore, ValueShare
from analytics.scoring.profile_text import Aroma, Share, TasteProfile
from orders.models import CustomerTotals, Product


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One customer's profile as computed; ``CustomerProfile`` says what each value means."""

    customer_id: int
    orders: int
    average_order_value: Decimal
    returns_share: Decimal | None
    median_gap_days: float | None
    first_product_id: int | None
    last_product_id: int | None
    preferred_hour: int | None
    preferred_weekday: int | None
    preferred_season: str | None
    channels: list[ValueShare] | None
    families: list[ValueShare] | None
    grapes: list[ValueShare] | None
    sugar_levels: list[ValueShare] | None
    price_bands: list[ValueShare] | None
    products: list[ValueShare] | None
    aromas: dict[str, AromaScore] | None
    aroma_confidence: float | None


_NAMES = tuple(field.name for field in fields(ProfileRow))
_JSON = frozenset(_NAMES[_NAMES.index("channels") : _NAMES.index("aromas") + 1])
_SQL = (
    f"select {', '.join(_NAMES)}"  # noqa: S608 - names of the class above
    " from crm_private.profile_rows(%s::bigint[], %s, %s) order by customer_id"
)


def profile_of(customer_id: int) -> CustomerProfile | None:
    """Return the stored profile with its first and last article; None: no counted sale."""
    return (
        CustomerProfile.objects.select_related("first_product", "last_product")
        .filter(customer_id=customer_id)
        .first()
    )


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as people and systems are shown it, or why there is none.

    ``values`` has the names of ``ProfileRow``, with first and last article as ``Product`` and the
    label of each article in ``products``; it has None for all of them where there is no profile.
    """

    as_of: date | None
    reason: str | None
    values: dict[str, Any]


NO_SALE = "No sale counted by then."
NOT_COMPUTED = "Profiles have not been computed yet. Run: manage.py refresh_profiles"
_NOT_SHOWN = frozenset({"customer_id", "first_product_id", "last_product_id"})


def shown_profile(*, customer_id: int, as_of: date | None = None) -> Profile:
    """Return the stored profile of a customer, or the one of a past day, ready to be shown."""
    row: ProfileRow | CustomerProfile | None
    if as_of is None:
        row = profile_of(customer_id)
    else:
        row = next(profile_rows(as_of=as_of, customer_ids=[customer_id]), None)
    if row is None:
        empty = dict.fromkeys([*_NAMES, "first_product", "last_product"])
        known = as_of is not None or CustomerProfile.objects.exists()
        reason = NO_SALE if known else NOT_COMPUTED
        return Profile(as_of, reason, _without_ids(empty))
    values = {name: getattr(row, name) for name in _NAMES}
    labels = product_labels([row])
    ends = _ends(row)
    values["products"] = row.products and [
        {**item, "label": labels.get(item["value"])} for item in row.products
    ]
    for end in ("first_product", "last_product"):
        values[end] = ends.get(getattr(row, f"{end}_id"))
    day = row.as_of if isinstance(row, CustomerProfile) else as_of
    return Profile(day, None, _without_ids(values))


def _ends(row: ProfileRow | CustomerProfile) -> dict[int | None, Product | None]:
    """Return first and last article by id; a stored profile has read them along."""
    if isinstance(row, CustomerProfile):
        return {
            row.first_product_id: row.first_product,
            row.last_product_id: row.last_product,
        }
    wanted = {key for key in (row.first_product_id, row.last_product_id) if key is not None}
    return {None: None, **Product.objects.in_bulk(wanted)}


def _without_ids(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _NOT_SHOWN}


def profile_rows(
    *, as_of: date, customer_ids: Sequence[int] | None = None, chunk: int = 5000
) -> Iterator[ProfileRow]:
    """Yield the profiles as they were at the end of a local day, by customer; nothing is written.

    Customers without a counted sale by then, and all who are test, merged or deleted now, have
    none. ``customer_ids``: only of these.
    """
    until = timezone.make_aware(datetime.combine(as_of + timedelta(days=1), time.min))
    for ids in _chunks(customer_ids, chunk):
        with connection.cursor() as cursor:
            cursor.execute(_SQL, [ids, until, settings.TIME_ZONE])
            rows = cursor.fetchall()
        for row in rows:
            yield ProfileRow(*map(_read, _NAMES, row))


def _read(name: str, value: Any) -> Any:
    """Django has psycopg hand JSON over as text."""
    return json.loads(value) if name in _JSON and value is not None else value


def taste_profiles(
    *, as_of: date | None, customer_ids: Sequence[int] | None = None, chunk: int = 5000
) -> Iterator[tuple[int, TasteProfile]]:
    """Yield what a profile text may know of each customer, by customer id.

    Args:
        as_of: None reads the stored profiles. A day computes them as of its end with the same SQL
            function, and writes nothing.
        customer_ids: only of these; by default of everybody.
        chunk: how many are read at a time.
    """
    rows: Iterator[ProfileRow | CustomerProfile] = (
        _stored(customer_ids, chunk)
        if as_of is None
        else profile_rows(as_of=as_of, customer_ids=customer_ids, chunk=chunk)
    )
    while batch := list(islice(rows, chunk)):
        labels = product_labels(batch)
        for row in batch:
            yield row.customer_id, taste_of(row, labels)


def product_labels(rows: Sequence[ProfileRow | CustomerProfile]) -> dict[str, str]:
    """Return the labels of the articles in these profiles, by key."""
    keys = {item["value"] for row in rows for item in row.products or ()}
    return dict(Product.objects.filter(key__in=keys).values_list("key", "label"))


def taste_of(row: ProfileRow | CustomerProfile, labels: Mapping[str, str]) -> TasteProfile:
    """Return a profile as the words of a text need it."""
    return TasteProfile(
        families=_shares(row.families),
        grapes=_shares(row.grapes),
        sugar_levels=_shares(row.sugar_levels),
        price_bands=_shares(row.price_bands),
        aromas=tuple(
            Aroma(axis, found["level"]) for axis, found in sorted((row.aromas or {}).items())
        ),
        products=tuple(
            labels[item["value"]] for item in row.products or () if item["value"] in labels
        ),
        channels=_shares(row.channels),
        average_order_value=row.average_order_value,
        median_gap_days=row.median_gap_days,
        season=row.preferred_season,
    )


def _shares(values: list[ValueShare] | None) -> tuple[Share, ...]:
    return tuple(Share(item["value"], float(item["share"])) for item in values or ())


def _stored(customer_ids: Sequence[int] | None, chunk: int) -> Iterator[CustomerProfile]:
    for ids in _chunks(customer_ids, chunk):
        yield from CustomerProfile.objects.filter(customer_id__in=ids).order_by("customer_id")


def _chunks(customer_ids: Sequence[int] | None, chunk: int) -> Iterator[list[int]]:
    """Cut the ids, or those of everybody with an order, into lists in the order of the ids."""
    if customer_ids is not None:
        ids = sorted(set(customer_ids))
        for start in range(0, len(ids), chunk):
            yield ids[start : start + chunk]
        return
    buyers = CustomerTotals.objects.filter(order_count__gt=0).order_by("customer_id")
    last = 0
    while True:
        page = buyers.filter(customer_id__gt=last).values_list("customer_id", flat=True)
        ids = list(page[:chunk])
        if not ids:
            return
        yield ids
        last = ids[-1]
