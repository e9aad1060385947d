"""How numbers, money and days are written in the language that is active."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from django.conf import settings
from django.utils import formats as written
from django.utils.translation import get_language, gettext, pgettext

from crm_project.common import formats

_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}
_GAP = "\N{NO-BREAK SPACE}"


def whole(value: Any) -> int | None:
    """Return a count that came as JSON, rounded; None if it is none.

    >>> whole(3.6), whole("12"), whole(True), whole("x")
    (4, 12, None, None)
    """
    found = real(value)
    return None if found is None else round(found)


def real(value: Any) -> float | None:
    """Return a finite number that came as JSON; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if isfinite(found) else None


def number(value: float, places: int = 0) -> str:
    """Return a number with the separators of the language, like ``1,234`` or ``1 234``."""
    text = written.number_format(
        round(Decimal(str(value)), places), decimal_pos=places, use_l10n=True, force_grouping=True
    )
    return str(text).replace(" ", _GAP)


def percent(share: float, places: int = 0) -> str:
    """Return a share of 1 as a percentage, with a gap that no line break enters."""
    # Translators: only the sign and its gap; English of this project writes "62 %".
    return pgettext("percentage", "%(number)s\N{NO-BREAK SPACE}%%") % {
        "number": number(share * 100, places)
    }


def money(amount: Any, currency: str = "") -> str:
    """Return an amount as the language writes it: ``£1,234.50`` or ``1 234,50 £``."""
    try:
        value = Decimal(str(amount))
    except InvalidOperation:
        return str(amount)
    if not value.is_finite():
        return str(amount)
    if (get_language() or "en").startswith("en"):
        return formats.money(value, currency)
    code = currency or settings.CRM_CURRENCY
    return f"{number(float(value), 2)}{_GAP}{_SYMBOLS.get(code, code)}"


def day(value: Any) -> str:
    """Return a local day as the language writes it; other text as it is."""
    if not isinstance(value, date):
        try:
            value = date.fromisoformat(str(value)[:10])
        except ValueError:
            return str(value)
    return str(written.date_format(value, "DATE_FORMAT", use_l10n=True))


def quoted(text: str) -> str:
    """Return a name in the quotation marks of the language."""
    return pgettext("quotation", "“%(text)s”") % {"text": text}


def joined(names: Sequence[str]) -> str:
    """Return names as a list in words.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    if len(names) < 2:
        return "".join(names)
    return gettext("%(first)s and %(last)s") % {"first": ", ".join(names[:-1]), "last": names[-1]}


def sentence(clauses: Sequence[str]) -> str:
    """Return clauses as one sentence with a capital and one full stop.

    >>> sentence(["bought twice", "not dear"])
    'Bought twice; not dear.'
    """
    text = pgettext("between clauses", "; ").join(clause for clause in clauses if clause)
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "…")) else f"{text}."
