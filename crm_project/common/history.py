"""History of changes by staff and by the API: who, when, in which request, and why.

Only statements that run inside a ``pghistory.context`` are recorded (a staff request, an API
write, a service that opens one). Bulk imports run without a context: their trace is the batch,
and the condition is evaluated before anything is queued, so that ``COPY`` stays fast.
"""

from collections.abc import Callable
from typing import TypeVar

import pghistory
import pgtrigger
from django.db import models

M = TypeVar("M", bound=type[models.Model])

_IN_CONTEXT = "NULLIF(CURRENT_SETTING('pghistory.context_id', TRUE), '') IS NOT NULL"


class _ChangedInContext(pgtrigger.AnyChange):
    """Some tracked field changed, and a person or a token is behind it."""

    def resolve(self, model: type[models.Model]) -> str:
        return f"(({super().resolve(model)}) AND {_IN_CONTEXT})"


def staff_history(*, exclude: list[str] | None = None) -> Callable[[M], M]:
    """Track inserts, updates and deletes of a model made inside a history context.

    Args:
        exclude: fields left out of the history (derived or bulky ones).
    """
    tracked: Callable[[M], M] = pghistory.track(
        pghistory.InsertEvent(condition=pgtrigger.Condition(_IN_CONTEXT)),
        pghistory.UpdateEvent(condition=_ChangedInContext()),
        pghistory.DeleteEvent(condition=pgtrigger.Condition(_IN_CONTEXT)),
        exclude=exclude,
    )
    return tracked
