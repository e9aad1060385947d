"""Which connection a query of the ORM takes: the primary, unless a request may read a standby."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db.models import Model

PRIMARY, REPLICA = "default", "replica"

LAGGING_APPS = frozenset({"customers", "orders", "analytics", "recommendations"})
"""Whose rows may be a few seconds old. Who somebody is and what they may do (sessions, users,
tokens, groups), jobs and everything else of ``common`` is always read from the primary."""

_on_replica: ContextVar[bool] = ContextVar("reads_from_replica", default=False)


@contextmanager
def reads_from_replica() -> Iterator[None]:
    """Send the reads of the customers' data to the replica, as long as this lasts."""
    token = _on_replica.set(True)
    try:
        yield
    finally:
        _on_replica.reset(token)


@contextmanager
def reads_from_primary() -> Iterator[None]:
    """Read everything from the primary, as long as this lasts: what is set there must hold."""
    token = _on_replica.set(False)
    try:
        yield
    finally:
        _on_replica.reset(token)


class ReplicaRouter:
    """Django's router of databases; it has no say where no replica is configured."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        if _on_replica.get() and model._meta.app_label in LAGGING_APPS:
            return REPLICA
        return PRIMARY

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        return PRIMARY

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool | None:
        """Both hold the same rows: what was read from one may point to what is of the other."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return None if db == PRIMARY else False
