"""How a person wants a file to be read. Checked once, when the batch is made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from customers.importers.errors import InputError
from customers.importers.header import DELIMITERS

Anonymous = Literal["refuse", "keep"]
UnknownProducts = Literal["create", "refuse"]
DecimalMark = Literal["auto", "point", "comma"]
DateOrder = Literal["", "mdy", "dmy"]


@dataclass(frozen=True, slots=True)
class Options:
    """Empty text means: find out from the file, or use the project's setting."""

    anonymous: Anonymous = "refuse"
    time_zone: str = ""
    delimiter: str = ""
    encoding: str = ""
    decimal: DecimalMark = "auto"
    date_order: DateOrder = ""
    currency: str = ""
    unknown_products: UnknownProducts = "create"
    """Orders: make a product of an article number that nobody knows, or refuse the line."""
    shift_days: str = ""
    """Days by which every date is moved: the demo brings old data near to today."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return checked options.

        Raises:
            InputError: an option or a value that is not known.
        """
        names = [field.name for field in fields(cls)]
        for name in given:
            if name not in names:
                raise InputError(f"There is no import option {name!r}. Known: {', '.join(names)}.")
        options = cls(**{name: str(value) for name, value in given.items() if value})  # type: ignore[arg-type]
        for name, kind in (
            ("anonymous", Anonymous),
            ("unknown_products", UnknownProducts),
            ("decimal", DecimalMark),
            ("date_order", DateOrder),
        ):
            if getattr(options, name) not in get_args(kind):
                choices = ", ".join(filter(None, get_args(kind)))
                raise InputError(f"The option {name} is one of: {choices}.")
        options.check()
        return options

    def check(self) -> None:
        """Refuse a zone, a delimiter or a currency that cannot be meant."""
        if self.time_zone:
            zone(self.time_zone)
        if self.delimiter and self.separator() not in DELIMITERS.values():
            raise InputError(f"The delimiter is one of: {', '.join(DELIMITERS)}.")
        if not re.fullmatch(r"[A-Za-z0-9_.:-]{0,40}", self.encoding):
            raise InputError(f"The encoding {self.encoding[:40]!r} is not known.")
        if self.currency and not (
            len(self.currency) == 3 and self.currency.isascii() and self.currency.isupper()
        ):
            raise InputError("A currency is three capital letters, like GBP.")
        if not re.fullmatch(r"(-?[0-9]{1,5})?", self.shift_days):
            raise InputError("The option shift_days is a number of days.")

    def shift(self) -> timedelta:
        """Return what is added to every date."""
        return timedelta(days=int(self.shift_days or 0))

    def separator(self) -> str:
        """Return the delimiter as a character; empty if it is to be found out."""
        return DELIMITERS.get(self.delimiter, self.delimiter)


def zone(name: str) -> ZoneInfo:
    """Return the time zone of that name.

    Raises:
        InputError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"There is no time zone {name!r}. Use one like Europe/London.") from error
