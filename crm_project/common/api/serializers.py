"""Bases of what goes in and out: explicit fields, nothing unknown, a reason with every write."""

from collections.abc import Mapping
from typing import Any

import pghistory
from django.db.models import Model
from rest_framework import serializers

from crm_project.common.api.moments import EARLIEST, LATEST, RANGE_MESSAGE
from crm_project.common.middleware import REASON_FIELD, REASON_LENGTH

_MAX_JSON = 64 * 1024


class MomentField(serializers.DateTimeField):
    """An ISO 8601 time with zone, between 1900 and 2200."""

    default_error_messages = {"range": RANGE_MESSAGE}

    def to_internal_value(self, value: Any) -> Any:
        if isinstance(value, str) and not _has_zone(value):
            raise serializers.ValidationError("Give a time with zone, like 2026-11-21T09:00:00Z.")
        moment = super().to_internal_value(value)
        if not EARLIEST <= moment < LATEST:
            self.fail("range")
        return moment


class ObjectField(serializers.DictField):
    """A JSON object of bounded size."""

    def to_internal_value(self, data: Any) -> Any:
        if len(str(data)) > _MAX_JSON:
            raise serializers.ValidationError(f"At most {_MAX_JSON} characters.")
        return super().to_internal_value(data)


class StrictFields(serializers.Serializer[Any]):
    """Refuses fields nobody declared; read-only ones may be sent back and are ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (
            unknown := [name for name in data if name not in self.fields]
        ):
            raise serializers.ValidationError(
                {
                    str(name)[:100]: [serializers.ErrorDetail("Unknown field.", "unknown_field")]
                    for name in unknown[:20]
                }
            )
        return super().to_internal_value(data)


class Sparse(serializers.Serializer[Any]):
    """Shows only the fields in ``context["only"]``, where the caller asked for some."""

    def get_fields(self) -> Any:
        fields = super().get_fields()
        only = self.context.get("only")
        if only is None or not self._is_outermost():
            return fields
        return {name: field for name, field in fields.items() if name in only}

    def _is_outermost(self) -> bool:
        parent: Any = self.parent
        return parent is None or (
            isinstance(parent, serializers.ListSerializer) and parent.parent is None
        )


class ReasonField(serializers.CharField):
    """Why the change is made; kept in the history beside who and when."""

    def __init__(self) -> None:
        super().__init__(
            write_only=True,
            required=False,
            allow_blank=True,
            max_length=REASON_LENGTH,
            help_text="Why; kept in the history of changes.",
        )


class ResourceSerializer(StrictFields, Sparse, serializers.ModelSerializer[Model]):
    """A resource as it is read and written."""

    change_reason = ReasonField()


def take_reason(values: dict[str, Any]) -> dict[str, Any]:
    """Move the reason from the validated values into the history context of this request."""
    if reason := values.pop(REASON_FIELD, ""):
        pghistory.context(reason=reason)
    return values


def _has_zone(value: str) -> bool:
    tail = value[10:]
    return tail.endswith(("Z", "z")) or "+" in tail or "-" in tail
