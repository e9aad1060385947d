"""Times in the query: ISO 8601 with zone, turned to UTC, within the years that business knows."""

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework.filters import IsoDateTimeFilter

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
RANGE_MESSAGE = "Give a time between 1900 and 2200."


class _MomentFormField(IsoDateTimeField):
    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        if moment is None:
            return None
        # Compared before it is converted: the first and last years overflow.
        if not EARLIEST <= moment < LATEST:
            raise ValidationError(RANGE_MESSAGE, code="range")
        return moment.astimezone(UTC)


class MomentFilter(IsoDateTimeFilter):
    """Unlike its base, never hands PostgreSQL an offset that only Python understands."""

    field_class = _MomentFormField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
