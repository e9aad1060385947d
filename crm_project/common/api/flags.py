"""Yes or no in the query: what is neither is refused, not passed over."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django_filters.filters import BooleanFilter

_VALUES = {"true": True, "1": True, "false": False, "0": False}


class _FlagFormField(forms.NullBooleanField):
    widget = forms.TextInput

    def to_python(self, value: Any) -> bool | None:  # type: ignore[override] # its stub is wrong
        if value in self.empty_values:
            return None
        try:
            return _VALUES[str(value).lower()]
        except KeyError as error:
            raise ValidationError("Give true or false.", code="invalid") from error


class FlagFilter(BooleanFilter):
    """Unlike its base, does not take a misspelt answer for none at all."""

    field_class = _FlagFormField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
