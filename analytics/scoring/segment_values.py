"""Values in a rule: from JSON, with a reason in words where one is refused, and back to JSON."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import isfinite

from analytics.scoring.segment_fields import Field, Kind

Scalar = Decimal | date | str | bool
Value = Scalar | tuple[Scalar, ...] | None
"""What a condition compares with: one value, both ends or a set of values, or nothing."""

MAX_TEXT = 200
"""Characters in a text."""

_DIGITS = 15
"""So many digits survive the way through a JSON number unchanged."""
_WHOLE_DIGITS = 12
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNUSABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_YEARS = range(1900, 2201)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value cannot be used: a code for programs and a sentence for people."""

    code: str
    words: str


def _decimal(raw: object) -> Decimal | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int | Decimal):
        return Decimal(raw)
    if isinstance(raw, float):
        # The shortest digits that give this float: what was written in the JSON.
        return Decimal(repr(raw)) if isfinite(raw) else None
    if isinstance(raw, str) and _NUMBER.fullmatch(raw.strip()):
        return Decimal(raw.strip())
    return None


def _read_number(field: Field, raw: object) -> Scalar | Refusal:
    value = _decimal(raw)
    if value is None or not value.is_finite():
        return Refusal("not_a_number", "Give a number, like 12 or 0.5.")
    limit = Decimal(10) ** min(_WHOLE_DIGITS, _DIGITS - field.decimals)
    if not -limit < value < limit:
        return Refusal("out_of_range", f"This number is too large: use less than {limit:,f}.")
    rounded = value.quantize(Decimal(1).scaleb(-field.decimals))
    if rounded != value:
        return Refusal(
            "too_precise",
            f"Give at most {field.decimals} decimal places."
            if field.decimals
            else "Give a whole number.",
        )
    if field.minimum is not None and value < field.minimum:
        return Refusal("out_of_range", f"Give {field.minimum} or more.")
    if field.maximum is not None and value > field.maximum:
        return Refusal("out_of_range", f"Give {field.maximum} or less.")
    return rounded + 0  # no minus zero


def _read_days(field: Field, raw: object) -> Scalar | Refusal:
    value = _read_number(field, raw)
    if isinstance(value, Decimal) and not 0 <= value <= 36_525:
        return Refusal("out_of_range", "Give a number of days from 0 to 36,525.")
    return value


def _read_date(_field: Field, raw: object) -> Scalar | Refusal:
    wrong = Refusal("not_a_date", "Give a day as year-month-day, like 2026-03-31.")
    if not isinstance(raw, str) or not _DAY.fullmatch(raw.strip()):
        return wrong
    try:
        day = date.fromisoformat(raw.strip())
    except ValueError:
        return wrong
    if day.year not in _YEARS:
        return Refusal("out_of_range", "Give a day between the years 1900 and 2200.")
    return day


def _read_text(_field: Field, raw: object) -> Scalar | Refusal:
    if not isinstance(raw, str):
        return Refusal("not_a_text", "Give a text.")
    if len(raw) > 4 * MAX_TEXT:  # before work is spent on it
        return Refusal("too_long", f"Give at most {MAX_TEXT} characters.")
    text = unicodedata.normalize("NFC", raw).strip()
    if not text:
        return Refusal("empty", "Give a text that is not empty.")
    if len(text) > MAX_TEXT:
        return Refusal("too_long", f"Give at most {MAX_TEXT} characters.")
    # The database stores neither NUL nor halves of surrogate pairs; line ends spoil a sentence.
    if any(unicodedata.category(character) in _UNUSABLE for character in text):
        return Refusal("bad_character", "The text contains a character that cannot be used.")
    return text


def _read_choice(field: Field, raw: object) -> Scalar | Refusal:
    text = _read_text(field, raw)
    if isinstance(text, Refusal) or not field.choices:
        return text
    if not any(choice.value == text for choice in field.choices):
        known = ", ".join(choice.value for choice in field.choices[:12])
        more = ", …" if len(field.choices) > 12 else ""
        return Refusal("unknown_choice", f"“{text}” is not one of the choices: {known}{more}.")
    return text


def _read_flag(_field: Field, raw: object) -> Scalar | Refusal:
    return raw if isinstance(raw, bool) else Refusal("not_a_flag", "Give true or false.")


_READERS: Mapping[Kind, Callable[[Field, object], Scalar | Refusal]] = {
    Kind.NUMBER: _read_number,
    Kind.MONEY: _read_number,
    Kind.DATE: _read_date,
    Kind.DAYS_AGO: _read_days,
    Kind.CHOICE: _read_choice,
    Kind.TEXT: _read_text,
    Kind.FLAG: _read_flag,
    Kind.LIST: _read_choice,
}


def read_scalar(field: Field, raw: object) -> Scalar | Refusal:
    """Return one value of a condition on ``field``, or why it cannot be used; never raises.

    Numbers may come as text, as forms send them. Texts lose surrounding spaces and are brought
    into the composed Unicode form.
    """
    return _READERS[field.kind](field, raw)


def _scalar_to_json(value: Scalar) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if isinstance(value, date) else value


def to_json(value: Value) -> object:
    """Return a value as JSON knows it; reading it again gives an equal value."""
    if isinstance(value, tuple):
        return [_scalar_to_json(part) for part in value]
    return None if value is None else _scalar_to_json(value)
