"""Read a stored JSON document and write what it says; what is not there is not known."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from crm_project.common import formats


def mean(model: Mapping[str, Any], name: str) -> float | None:
    """Return a mean of a model over its origins."""
    value = part(model, "mean").get(name)
    return None if value is None else float(value)


def items(found: Any, name: str) -> list[Any]:
    """Return a list of the document; empty when it is not there."""
    value = found.get(name) if isinstance(found, Mapping) else None
    return value if isinstance(value, list) else []


def part(found: Any, name: str) -> Mapping[str, Any]:
    """Return an object of the document; empty when it is not there."""
    value = found.get(name) if isinstance(found, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def day(text: str) -> str:
    """Write an ISO day for people."""
    try:
        return f"{date.fromisoformat(text):%-d %b %Y}"
    except ValueError:
        return text


def whole(value: float | None) -> str:
    """Write a number without decimals."""
    return formats.NOTHING if value is None else f"{value:,.0f}"


def amount(value: float | None) -> str:
    """Write money."""
    return formats.money(None if value is None else Decimal(str(round(value, 2))))


def seconds_words(value: Any) -> str:
    """Write seconds of a step; tenths are enough."""
    return f"{value:,.1f} s" if isinstance(value, int | float) else str(value)
