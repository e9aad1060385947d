"""Whether a day may become what everybody sees."""

from datetime import date
from typing import Any

from django.db.models import Model


def older_than_current(model: type[Model], as_of: date | None, **which: Any) -> bool:
    """Tell whether a newer day is current: a look back must not take its place.

    ``which``: of several current rows, only these. ``as_of`` None is today, which is never older.
    """
    if as_of is None:
        return False
    current = model._default_manager.filter(is_current=True, as_of__gt=as_of, **which)
    return current.exists()
