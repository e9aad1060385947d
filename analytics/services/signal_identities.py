"""What identify and alias events say about customers, applied to them.

Only events of senders who may do so. The newest event wins: what an older one says that arrives
later only fills what is empty. Applying the same events again changes nothing, so a worker that
died after storing them cannot lose them.

Rows are locked in the order of their keys, then made in the order of their codes, so that two
workers wait for each other at most in turn.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from analytics.ingest.envelope import Envelope
from analytics.ingest.event import Event
from analytics.ingest.traits import read_traits
from analytics.models import Signal
from customers.models import Customer, CustomerAlias

logger = structlog.get_logger(__name__)

MAX_TRAITS = 200
"""Of one customer; more of them would be somebody's mistake, or their attack."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN = [
    "name",
    "email",
    "phone",
    "language",
    "country",
    "registered_at",
    "profile",
    "updated_at",
]
_FIELDS = {field.name: field for field in Customer._meta.fields}
_REFUSED = (ValidationError, DataError, IntegrityError)


def apply(events: Sequence[tuple[Envelope, Event]]) -> int:
    """Create and change the customers that identify and alias events speak of.

    Returns how many customers and aliases were written. What cannot be written is left out with a
    line in the log: the event itself is stored already.
    """
    by_code: dict[str, list[Event]] = {}
    for event in sorted(_stored(events), key=lambda event: event.occurred_at):
        by_code.setdefault(event.customer_ref, []).append(event)
    if not by_code:
        return 0
    try:
        with transaction.atomic():
            return _write(by_code)
    except _REFUSED:
        # One of them is in the way of the others: each by itself.
        return sum(_write_alone(code, events) for code, events in sorted(by_code.items()))


def _stored(events: Sequence[tuple[Envelope, Event]]) -> list[Event]:
    """Return what may speak of customers and became a signal: a duplicate says nothing new."""
    told = {
        UUID(bytes=envelope.id): event
        for envelope, event in events
        if envelope.may_identify and event.kind in {"identify", "alias"}
    }
    if not told:
        return []
    # The months they fall into, so that no other is asked.
    moments = sorted(event.occurred_at for event in told.values())
    between = (_moment(moments[0]), _moment(moments[-1]))
    kept = Signal.objects.filter(id__in=told, occurred_at__range=between)
    return [told[key] for key in kept.values_list("id", flat=True)]


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _write_alone(code: str, events: list[Event]) -> int:
    try:
        with transaction.atomic():
            return _write({code: events})
    except _REFUSED as error:
        logger.warning("identity_refused", error=type(error).__name__)
        return 0


def _write(told: Mapping[str, list[Event]]) -> int:
    """Write customers and aliases. ``told``: the events by the code they name, oldest first."""
    customers = _locked(told)
    made: list[Customer] = []
    changed: dict[int, Customer] = {}
    names: dict[str, Customer] = {}
    for code in sorted(told):
        customer = customers.get(code)
        if customer is None:
            if not _makes_a_customer(code, told[code]):
                continue
            customer = customers[code] = Customer(code=code)
            made.append(customer)
        elif customer.status != Customer.Status.ACTIVE:
            continue
        names.update(
            (event.previous_ref, customer)
            for event in told[code]
            if event.previous_ref not in ("", code)
        )
        if _tell_all(customer, told[code]) and not customer._state.adding:
            changed[customer.pk] = customer
    Customer.objects.bulk_create(made)
    _update(changed.values())
    return len(made) + len(changed) + _add_aliases(names, customers)


def _makes_a_customer(code: str, events: Sequence[Event]) -> bool:
    """Whether these events speak of somebody; a browser that nobody signed in to is nobody."""
    return _is_code(code) and not all(event.anonymous for event in events)


def _tell_all(customer: Customer, events: Sequence[Event]) -> bool:
    # Whoever sits at a browser now may say nothing about the customer it belongs to.
    spoken = [event for event in events if event.kind == "identify" and not event.anonymous]
    changes = [_tell(customer, event) for event in spoken]
    return any(changes)


def _update(customers: Iterable[Customer]) -> None:
    """Write what was changed, in one statement. The rows are locked already."""
    rows = [{"id": row.pk, **{name: getattr(row, name) for name in _WRITTEN}} for row in customers]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, [json.dumps(rows, default=str)])


_UPDATE = """
    update customers_customer as c
    set (name, email, phone, language, country, registered_at, profile, updated_at) = (
        v.name, v.email, v.phone, v.language, v.country, v.registered_at, v.profile, v.updated_at
    )
    from jsonb_to_recordset(%s::jsonb) as v (
        id bigint, name text, email text, phone text, language text, country text,
        registered_at timestamptz, profile jsonb, updated_at timestamptz
    )
    where c.id = v.id
"""


def _locked(codes: Iterable[str]) -> dict[str, Customer]:
    """Return whom the codes name, also by an alias, locked until the end of the transaction."""
    wanted = list(codes)
    aliases = dict(CustomerAlias.objects.filter(code__in=wanted).values_list("code", "customer_id"))
    # Not against foreign keys: an alias that another worker adds refers to the same customer.
    rows = Customer.objects.select_for_update(no_key=True).order_by("pk")
    wanted_rows = Q(code__in=wanted) | Q(pk__in=aliases.values())
    by_key = {customer.pk: customer for customer in rows.filter(wanted_rows)}
    by_code = {customer.code: customer for customer in by_key.values()}
    found = {}
    for code in wanted:
        named = by_code.get(code)
        if code in aliases and (named is None or named.status == Customer.Status.MERGED):
            named = by_key.get(aliases[code])
        if named is not None:
            found[code] = named
    return found


def _add_aliases(names: Mapping[str, Customer], customers: Mapping[str, Customer]) -> int:
    """Add the codes that are nobody's yet; whose code it is already, stays theirs."""
    taken = {
        *customers,
        *Customer.objects.filter(code__in=names).values_list("code", flat=True),
        *CustomerAlias.objects.filter(code__in=names).values_list("code", flat=True),
    }
    new = [
        CustomerAlias(code=code, customer=names[code], reason="alias event")
        for code in sorted(names)
        if code not in taken and _is_code(code)
    ]
    CustomerAlias.objects.bulk_create(new)
    return len(new)


def _is_code(text: str) -> bool:
    """Whether this can be a customer's code; some senders use references that cannot."""
    try:
        _FIELDS["code"].clean(text, None)
    except ValidationError:
        return False
    return text == text.strip()


def _tell(customer: Customer, event: Event) -> bool:
    """Put what an event says into the customer. Returns whether that changed anything."""
    moment = _moment(event.occurred_at)
    newest = moment >= _known_at(customer)
    identity = read_traits(event.data)
    before = {name: getattr(customer, name) for name in _WRITTEN}
    profile: dict[str, Any] = dict(customer.profile) if isinstance(customer.profile, dict) else {}
    traits = dict(profile["traits"]) if isinstance(profile.get("traits"), dict) else {}
    said = dict(identity.traits)
    for name, value in identity.columns.items():
        if not (newest and name != "registered_at") and getattr(customer, name):
            continue
        try:
            setattr(customer, name, _FIELDS[name].clean(value, customer))
        except ValidationError:
            said[name] = value
    for into, values in ((profile, identity.profile), (traits, said)):
        into.update(values if newest else {k: v for k, v in values.items() if k not in into})
    if traits:
        profile["traits"] = dict(list(traits.items())[:MAX_TRAITS])
    if newest:
        profile["identified_at"] = moment.isoformat()
    customer.profile = profile
    changed = any(getattr(customer, name) != value for name, value in before.items())
    if changed:
        customer.updated_at = timezone.now()
    return changed


def _known_at(customer: Customer) -> datetime:
    """Return of when the newest is that we know about a customer."""
    if customer._state.adding and "identified_at" not in customer.profile:
        return _EPOCH
    try:
        return datetime.fromisoformat(customer.profile["identified_at"])
    except (KeyError, TypeError, ValueError):
        return customer.created_at
