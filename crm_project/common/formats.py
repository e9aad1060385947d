"""How numbers, money and durations are written for people, the same on every page."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.utils import timezone

_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}
NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def money(amount: Decimal | None, currency: str = "") -> str:
    """Return an amount with its currency, like ``£1,234.50``; a dash when there is none."""
    if amount is None:
        return NOTHING
    code = currency or settings.CRM_CURRENCY
    sign = MINUS if amount < 0 else ""
    text = f"{abs(amount):,.2f}"
    symbol = _SYMBOLS.get(code)
    return f"{sign}{symbol}{text}" if symbol else f"{sign}{text} {code}"


def short_money(amount: Decimal | None, currency: str = "") -> str:
    """Return an amount for a tile or an axis, like ``£1.25 M`` or ``£830``."""
    if amount is None:
        return NOTHING
    for unit, name in ((10**9, "bn"), (10**6, "M"), (10**3, "k")):
        if abs(amount) >= unit:
            return f"{money(Decimal(amount) / unit, currency)} {name}"
    return money(amount, currency)


def count(number: int | None) -> str:
    """Return a number with thousands separators; a dash when it is not known."""
    return NOTHING if number is None else f"{number:,}"


def percent(part: Decimal | float, whole: Decimal | float) -> float:
    """Return ``part`` as a percentage of ``whole`` with one decimal; 0 when there is no whole."""
    return round(float(part) * 100 / float(whole), 1) if whole else 0.0


def size(number: int | None) -> str:
    """Return bytes as people read them, like ``12.3 MiB``."""
    if number is None:
        return NOTHING
    for unit, name in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return f"{number} bytes"


def duration(span: timedelta | None) -> str:
    """Return a time span in words, like ``1 h 05 min`` or ``0.8 s``."""
    if span is None:
        return NOTHING
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def age(span: timedelta | None) -> str:
    """Return how long ago something was, roughly, like ``5 min``, ``3 h`` or ``12 days``."""
    if span is None:
        return NOTHING
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def moment(when: datetime | None) -> str:
    """Return a moment in the business's time zone, like ``9 Nov 2011, 14:05``."""
    return NOTHING if when is None else f"{timezone.localtime(when):%-d %b %Y, %H:%M}"
