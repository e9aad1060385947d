"""Signals, raw events and quarantined events for tests of what reads them.

They are written directly; how events become signals is for the tests of the store.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from analytics.ingest.identity import uuid7
from analytics.models import QuarantinedEvent, RawEvent, Signal


def ensure(table, *moments):
    """Make the partitions of ``analytics_<table>`` that hold the moments."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT crm_private.ensure_signal_partitions(%s, %s::timestamptz[])",
            [f"analytics_{table}", list(moments)],
        )


def new_id(moment=None):
    """Return an event id made at a moment, now unless given."""
    moment = moment or timezone.now()
    return UUID(bytes=uuid7(int(moment.timestamp() * 1_000_000)))


def at(day, clock="12:00"):
    """Return a moment of a day, in UTC."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)


def a_signal(customer=None, event_type="view", **values):
    """Store one signal, an hour old unless told otherwise."""
    now = timezone.now()
    values.setdefault("occurred_at", now - timedelta(hours=1))
    values.setdefault("customer_ref", customer.code if customer else "somebody")
    ensure("signal", values["occurred_at"])
    return Signal.objects.create(
        **{
            "id": new_id(),
            "received_at": now,
            "customer": customer,
            "event_type": event_type,
            "score": "0.10",
            "source": "shop",
            **values,
        }
    )


def a_raw_event(**values):
    """Store one line of the raw log."""
    values.setdefault("received_at", timezone.now())
    ensure("rawevent", values["received_at"])
    defaults = {"id": new_id(values["received_at"]), "source": "shop", "shape": "signal"}
    return RawEvent.objects.create(**{**defaults, "body": b"{}", **values})


def a_quarantined_event(**values):
    """Put one event into quarantine."""
    values.setdefault("received_at", timezone.now())
    defaults = {
        "id": new_id(values["received_at"]),
        "source": "shop",
        "shape": "signal",
        "body": b'{"event_type": 7}',
        "code": "invalid",
        "reason": "event_type: Give a text.",
    }
    return QuarantinedEvent.objects.create(**{**defaults, **values})
