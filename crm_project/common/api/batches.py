"""Many things in one request, each taken or refused as if it came alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from drf_standardized_errors.formatter import flatten_errors
from rest_framework import serializers

Made = TypeVar("Made")


def sort_out(
    given: Sequence[Any],
    *,
    serializer: type[serializers.BaseSerializer[Any]],
    make: Callable[..., Made],
    name: str,
    longest: int,
) -> tuple[list[int], list[Made], list[dict[str, Any]]]:
    """Return the places of the good ones, what was made of them, and why the others are refused.

    Args:
        serializer: checks one of them.
        make: called with the checked values.
        name: the field by which a refusal tells the caller which one it was.
        longest: of what was sent in that field, the most characters to give back.
    """
    places, made, refused = [], [], []
    for index, data in enumerate(given):
        checked = serializer(data=data)
        if checked.is_valid():
            places.append(index)
            made.append(make(**checked.validated_data))
            continue
        first = flatten_errors(serializers.ValidationError(cast(Any, checked.errors)).detail)[0]
        value = data.get(name) if isinstance(data, Mapping) else None
        shown = None if value is None else str(value)[:longest]
        refused.append(
            {
                "index": index,
                name: shown,
                "attr": first.attr,
                "code": first.code,
                "detail": first.detail,
            }
        )
    return places, made, refused
