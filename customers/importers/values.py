"""Turn the text of one cell into a checked value, or say in words why not.

Files repeat the same few prices, dates and codes millions of times, so each parser is used
through a ``Memo``: a value is checked when it is first seen.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Generic, TypeVar

from customers.importers.errors import Reason, Refused
from customers.importers.options import DateOrder

K = TypeVar("K", bound=str | Sequence[str])
V = TypeVar("V")
OLDEST = datetime(1900, 1, 1, tzinfo=UTC)
# What spreadsheets and data frames write for an empty cell.
EMPTY = frozenset({"", "nan", "NaN", "NULL", "null", "None", "N/A"})
_MEMO_SIZE = 100_000
_MEMO_CHARACTERS = 16_000_000

_POINT = re.compile(r"-?\d{1,12}(?:\.\d{0,20})?|-?\.\d{1,20}", re.ASCII)
_COMMA = re.compile(r"-?(?:\d{1,12}|\d{1,3}(?:\.\d{3}){1,3})(?:,\d{0,20})?", re.ASCII)
_ISO = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?\s*(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_PARTS = re.compile(
    r"(\d\d?)([/.])(\d\d?)\2(\d\d|\d{4})(?:,?\s+(\d\d?):(\d\d)(?::(\d\d))?(?:\s*([AaPp])\.?[Mm]\.?)?)?",
    re.ASCII,
)


class Memo(dict[K, V | None], Generic[K, V]):
    """Remembers what a parser said; ``None`` stands for refused. Bounded, so memory is fixed."""

    def __init__(self, parse: Callable[[K], V]) -> None:
        super().__init__()
        self.parse = parse
        self.characters = 0

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self.characters = 0

    def __missing__(self, key: K) -> V | None:
        if len(self) >= _MEMO_SIZE or self.characters >= _MEMO_CHARACTERS:
            self.clear()
        self.characters += len(key) if isinstance(key, str) else sum(map(len, key))
        try:
            value = self.parse(key)
        except Refused:
            self[key] = None
            return None
        self[key] = value
        return value

    def why(self, key: K) -> Reason:
        """Return the reason for which ``key`` is refused."""
        try:
            self.parse(key)
        except Refused as refused:
            return refused.reason
        raise LookupError("not refused")


def text(raw: str, *, name: str, limit: int) -> str:
    r"""Return the text with single spaces.

    Raises:
        Refused: it is longer than ``limit`` or holds control characters.

    >>> text(" a \n b", name="label", limit=10)
    'a b'
    """
    value = raw if raw.isprintable() and "  " not in raw else " ".join(raw.split())
    value = value.strip()
    if not value.isprintable() and any(unicodedata.category(c) in {"Cc", "Cs"} for c in value):
        raise Refused("control_character", f"The {name} holds control characters.")
    if len(value) > limit:
        raise Refused(f"{name}_too_long", f"The {name} is longer than {limit} characters.")
    return value


def code(raw: str, *, name: str, limit: int = 64) -> str:
    """Return a number or key as the shop writes it, without spaces around it; never empty."""
    value = text(raw, name=name, limit=limit)
    if value in EMPTY:
        raise Refused(f"no_{name}", f"The line has no {name}.")
    return value


def scaled(raw: str, *, name: str, places: int, whole: int, comma: bool = False) -> int:
    """Return a plain decimal number times ten to the power of ``places``.

    Digits beyond ``places`` are taken only if they are noise of floating point, since rounding
    anything else would change what the shop wrote.

    Args:
        whole: how many digits may stand before the decimal mark.
        comma: the decimal mark is a comma (and points group thousands).

    Raises:
        Refused: not a plain number (``1e5``, ``NaN``, ``1,234``), or too many digits.

    >>> scaled("2.55", name="price", places=4, whole=10)
    25500
    >>> scaled("1.234,5", name="price", places=4, whole=10, comma=True)
    12345000
    """
    value = raw.strip()
    if not (_COMMA if comma else _POINT).fullmatch(value):
        if not value or value in EMPTY:
            raise Refused(f"no_{name}", f"The line has no {name}.")
        raise Refused(f"bad_{name}", f"The {name} {value[:40]!r} is not a plain number.")
    if comma:
        value = value.replace(".", "").replace(",", ".")
    exact = Decimal(value).scaleb(places)
    nearest = round(exact)
    if abs(exact - nearest) > Decimal("0.00001"):
        raise Refused(
            f"bad_{name}", f"The {name} {value[:40]!r} has more than {places} decimal places."
        )
    if abs(nearest) >= 10 ** (whole + places):
        raise Refused(f"{name}_too_large", f"The {name} {value[:40]!r} is too large.")
    return nearest


def unscaled(value: int, places: int) -> str:
    """Return the number as text for the database.

    >>> unscaled(25500, 4)
    '2.5500'
    """
    digits = str(abs(value)).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def moment(
    raw: str,
    *,
    zone: tzinfo,
    order: DateOrder,
    latest: datetime,
    shift: timedelta = timedelta(0),
) -> datetime:
    """Return the moment in UTC that a date or a time of day in the shop's zone names.

    A time that the clocks show twice in autumn is taken as the first of the two; one that they
    skip in spring is taken as if they had not yet been changed.

    Args:
        order: of day and month in dates with slashes; those with points begin with the day.
        latest: what lies after it is refused.
        shift: added to the date as the clocks show it, so that 09:00 stays 09:00.

    Raises:
        Refused: not a date, or one out of the range.
    """
    value = raw.strip()
    if value in EMPTY:
        raise Refused("no_date", "The line has no date.")
    try:
        found = _moment(value, order)
    except Refused:
        raise
    except ValueError as error:
        raise Refused("bad_date", f"{value[:40]!r} is not a date that exists.") from error
    if found is None:
        raise Refused("bad_date", f"{value[:40]!r} is not a date in a form that is known.")
    try:
        found += shift
        found = (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError as error:
        raise Refused("date_out_of_range", f"{value[:40]!r} is out of range.") from error
    if found < OLDEST:
        raise Refused("date_out_of_range", f"{value[:40]!r} lies before the year 1900.")
    if found > latest:
        raise Refused("date_in_future", f"{value[:40]!r} lies in the future.")
    return found


def _moment(value: str, order: DateOrder) -> datetime | None:
    if match := _ISO.fullmatch(value):
        year, month, day, hour, minute, second, offset = match.groups()
        zone = datetime.strptime(offset, "%z").tzinfo if offset else None
        time = int(hour or 0), int(minute or 0), int(second or 0)
        return datetime(int(year), int(month), int(day), *time, tzinfo=zone)
    if match := _PARTS.fullmatch(value):
        a, mark, b, year, hour, minute, second, half = match.groups()
        if mark == "/" and not order:
            raise Refused(
                "ambiguous_date",
                f"{value[:40]!r} may be either order of day and month: give the option date_order.",
            )
        month, day = (a, b) if mark == "/" and order == "mdy" else (b, a)
        full_year = int(year) + (2000 if len(year) == 2 else 0)
        hours = _hours(int(hour or 0), half)
        time = hours, int(minute or 0), int(second or 0)
        return datetime(full_year, int(month), int(day), *time)  # noqa: DTZ001 - zone follows
    return None


def _hours(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("an hour with AM or PM is 1 to 12")
    return hour % 12 + (12 if half in "Pp" else 0)


def latest_moment(now: datetime) -> datetime:
    """Return the end of what counts as present: clocks and zones may differ by a day."""
    return now + timedelta(days=1)


def copy_text(value: str | None) -> str:
    r"""Return a cell in the text form of ``COPY``.

    >>> copy_text("a\tb")
    'a\\tb'
    """
    if value is None:
        return r"\N"
    if value.isalnum():
        return value
    return (
        value.replace("\\", "\\\\")
        .replace("\t", "\\t")
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\0", "\u2400")
    )


def storable(value: str) -> str:
    """Return text without lone surrogates and NUL, which PostgreSQL cannot hold."""
    clean = value.replace("\0", "\u2400")
    return clean.encode("utf-8", "replace").decode("utf-8")


def number_style(samples: list[str]) -> bool:
    """Tell whether numbers are written with a decimal comma, where that is beyond doubt.

    >>> number_style(["1.234,56", "7"]), number_style(["1,234"]), number_style(["2,5", "2.5"])
    (True, False, False)
    """
    comma = any(re.fullmatch(r"-?(\d{1,3}(\.\d{3})+,\d+|\d+,(\d{1,2}|\d{4,}))", s) for s in samples)
    point = any(re.fullmatch(r"-?\d+\.(\d{1,2}|\d{4,})", s) for s in samples)
    return comma and not point
