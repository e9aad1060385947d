"""Read settings of the recommendations, and what distinguishes two of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crm_project.common.exceptions import CrmError
from recommendations.models import RecoConfig

SHORTEST = 6
"""Characters of a hash that are needed to name one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs; None where it is absent."""

    key: str
    before: Any
    after: Any


def find_config(text: str) -> RecoConfig:
    """Return the settings whose hash begins so, or whose number this is.

    Raises ``CrmError`` when there are none, or several.
    """
    asked = text.strip().lower()
    if len(asked) >= SHORTEST and not set(asked) - set("0123456789abcdef"):
        found = list(RecoConfig.objects.filter(hash__startswith=asked)[:2])
        if len(found) == 1:
            return found[0]
        if found:
            raise CrmError(
                f"Several settings have a hash that begins with {asked}; give more of it."
            )
    raise CrmError(f"No settings have a hash that begins with {text!r}; give 6 characters or more.")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return what differs between two sets of values, key by key, in the order of the keys.

    >>> differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4})
    [Difference(key='a.c', before=2, after=3), Difference(key='d', before=None, after=4)]
    """
    left, right = dict(_flat(before)), dict(_flat(after))
    return [
        Difference(key, left.get(key), right.get(key))
        for key in sorted({*left, *right})
        if left.get(key) != right.get(key)
    ]


def _flat(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every single value with its path; lists count as places from 1."""
    if isinstance(values, Mapping) and values:
        for name, part in values.items():
            yield from _flat(part, f"{path}.{name}" if path else str(name))
    elif isinstance(values, list) and values:
        for place, part in enumerate(values, 1):
            yield from _flat(part, f"{path}.{place}")
    elif path:
        yield path, values
