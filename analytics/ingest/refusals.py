"""Why an event cannot be taken: a code for programs, words for people, and the field."""

import json
import re

import msgspec

_MISSING = re.compile(r"missing required field `([^`]+)`")
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")
_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_KINDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


class Refused(ValueError):  # noqa: N818 - the word senders and staff read
    """An event that can never be stored as it is; sending it again does not help.

    Attributes:
        code: one word, like ``missing``; never changes its meaning.
        detail: a sentence for people, without the event's values.
        attr: dotted path of the field; empty when the whole event is meant.
    """

    def __init__(self, code: str, detail: str, attr: str = "") -> None:
        super().__init__(f"{attr}: {detail}" if attr else detail)
        self.code = code
        self.detail = detail
        self.attr = attr


def from_decoding(error: Exception, body: bytes) -> Refused:
    """Say in our words what the JSON decoder found.

    >>> from_decoding(msgspec.ValidationError("Object missing required field `event_type`"), b"")
    Refused('event_type: This field is required.')
    """
    if isinstance(error, RecursionError):
        return Refused("too_deep", "Objects and lists are nested too deeply.")
    if isinstance(error, UnicodeDecodeError):
        return Refused("not_storable", "A text is not valid UTF-8.")
    if isinstance(error, msgspec.ValidationError):
        return _from_validation(str(error))
    if _is_json(body):
        return Refused("not_storable", "A text holds half a surrogate pair.")
    return Refused("invalid_json", "This is not valid JSON.")


def _from_validation(text: str) -> Refused:
    if found := _MISSING.search(text):
        return Refused("missing", "This field is required.", found[1])
    if found := _UNKNOWN.search(text):
        return Refused("unknown_field", "There is no such field.", found[1])
    place = _AT.search(text)
    attr = place[1].removesuffix("[...]") if place else ""
    if "out of range" in text:
        return Refused("not_storable", "A number is too large.", attr)
    return Refused("invalid", _expected(text), attr)


def _expected(text: str) -> str:
    """Return what was expected in plain words.

    >>> _expected("Expected `int | str | null`, got `float` - at `$.customer_id`")
    'Expected a whole number, a text or null.'
    """
    found = re.match(r"Expected `([^`]+)`", text)
    if found is None:
        return "This value cannot be used here."
    names = [_KINDS.get(name, name) for name in found[1].split(" | ")]
    *most, last = names
    return f"Expected {', '.join(most) + ' or ' if most else ''}{last}."


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _is_json(body: bytes) -> bool:
    """Return whether a more lenient reader understands it: then only a surrogate was lonely."""
    try:
        json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True
