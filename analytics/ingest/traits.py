"""What an identify event says about a customer, in the fields that we have for it."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_FILLERS = re.compile(r"[\s().\-/]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})?")
_PARTS_OF_NAME = {"first_name": ("first_name", "firstName"), "last_name": ("last_name", "lastName")}

Traits = dict[str, Any]


class Identity(msgspec.Struct, frozen=True):
    """What is said about a customer.

    Attributes:
        columns: values for the customer's own fields, each valid there.
        profile: values that other readers look for in the profile, like ``first_name``.
        traits: everything else, also what was no valid value of its field.
    """

    columns: Traits
    profile: Traits
    traits: Traits


def read_traits(data: bytes) -> Identity:
    """Sort the traits of an identify event into our fields.

    >>> read_traits(b'{"email": "a@example.org", "phone": "+44 1234 567890", "plan": "gold"}')
    Identity(columns={'email': 'a@example.org', 'phone': '+441234567890'}, profile={}, \
traits={'plan': 'gold'})
    >>> read_traits(b'{"email": "none", "firstName": "Ada", "lastName": "King"}').columns
    {'name': 'Ada King'}
    """
    given: Traits = {key: value for key, value in msgspec.json.decode(data).items() if value != ""}
    used: set[str] = set()
    columns: Traits = {}
    for column, (names, read) in _COLUMNS.items():
        for name in names:
            value = read(given.get(name))
            if value is not None:
                columns.setdefault(column, value)
                used.add(name)
    profile = _profile(given)
    if "name" not in columns and ("first_name" in profile or "last_name" in profile):
        whole = f"{profile.get('first_name', '')} {profile.get('last_name', '')}".strip()
        columns["name"] = whole[:200]
    if (country := _country_of(given.get("address"))) is not None:
        columns.setdefault("country", country)
    rest = {key: value for key, value in given.items() if key not in used and value is not None}
    return Identity(columns=columns, profile=profile, traits=rest)


def _profile(given: Traits) -> Traits:
    found: Traits = {}
    for name, spellings in (*_PARTS_OF_NAME.items(), ("username", ("username", "userName"))):
        values = (_text(100)(given.get(spelling)) for spelling in spellings)
        if (value := next((value for value in values if value is not None), None)) is not None:
            found[name] = value
    return found


def _text(longest: int) -> Any:
    def read(value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        plain = value.strip()
        return plain if plain and len(plain) <= longest else None

    return read


def _email(value: Any) -> str | None:
    plain = _text(254)(value)
    return plain if plain is not None and _EMAIL.fullmatch(plain) else None


def _phone(value: Any) -> str | None:
    """Return the number as +441234567890, where its country is told."""
    plain = _FILLERS.sub("", value) if isinstance(value, str) else ""
    plain = f"+{plain[2:]}" if plain.startswith("00") else plain
    return plain if _PHONE.fullmatch(plain) else None


def _language(value: Any) -> str | None:
    plain = _text(10)(value)
    return plain.replace("_", "-") if plain is not None and _LANGUAGE.fullmatch(plain) else None


def _country_of(address: Any) -> str | None:
    found: str | None = _text(80)(address.get("country")) if isinstance(address, dict) else None
    return found


def _moment(value: Any) -> datetime | None:
    """Return when somebody registered; a time without its zone is nobody's."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None and found.year > 1900 else None


_COLUMNS: dict[str, tuple[tuple[str, ...], Any]] = {
    "name": (("name",), _text(200)),
    "email": (("email",), _email),
    "phone": (("phone",), _phone),
    "language": (("language", "locale"), _language),
    "country": (("country",), _text(80)),
    "registered_at": (("createdAt", "created_at"), _moment),
}
