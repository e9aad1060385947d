"""A filter "from day … to day", both included, in the days of the business."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from unfold.widgets import INPUT_CLASSES


class DaysForm(forms.Form):
    """Two days, either of which may be missing. The browser brings the calendar."""

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for end in ("from", "to"):
            widget = forms.DateInput(
                attrs={"type": "date", "class": " ".join(INPUT_CLASSES), "aria-label": end.title()},
                format="%Y-%m-%d",
            )
            self.fields[f"{name}_{end}"] = forms.DateField(required=False, widget=widget)


class DaysFilter(admin.FieldListFilter):
    """Half-open moments are asked of the database, so that no event at midnight counts twice."""

    template = "unfold/filters/filters_date_range.html"

    def __init__(
        self,
        field: Any,
        request: HttpRequest,
        params: dict[str, Any],
        model: Any,
        model_admin: admin.ModelAdmin[Any],
        field_path: str,
    ) -> None:
        self.path = field_path
        super().__init__(field, request, params, model, model_admin, field_path)
        self.title = "day"

    def expected_parameters(self) -> list[str | None]:
        return [f"{self.path}_from", f"{self.path}_to"]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = (self._day(end) for end in ("from", "to"))
        if first:
            queryset = queryset.filter(self.at_or_after(_midnight(first)))
        if last and last < date.max:
            queryset = queryset.filter(self.before(_midnight(last + timedelta(days=1))))
        return queryset

    def at_or_after(self, moment: datetime) -> Q:
        return Q(**{f"{self.path}__gte": moment})

    def before(self, moment: datetime) -> Q:
        return Q(**{f"{self.path}__lt": moment})

    def choices(self, changelist: Any) -> Iterator[Any]:
        days = {f"{self.path}_{end}": self._day(end) for end in ("from", "to")}
        yield {"form": DaysForm(days, name=self.path)}

    def _day(self, end: str) -> date | None:
        """Return the day asked for; text that names none is as good as no text."""
        value: Any = self.used_parameters.get(f"{self.path}_{end}")
        text = value[-1] if isinstance(value, list) else value
        try:
            return parse_date(str(text)) if text else None
        except ValueError:
            return None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
