"""One spelling for what systems call the same thing in several ways."""

import re
from functools import lru_cache

from analytics.ingest import limits
from analytics.ingest.refusals import Refused

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GAP = re.compile(r"[\W_]+")


_LONGEST_NAME = 4 * limits.EVENT_TYPE_CHARACTERS
"""Signs between the words do not count, but there is an end to them."""


def event_type(name: str, attr: str) -> str:
    """Return the name of a kind of event in snake_case.

    >>> event_type("Product Viewed", "event"), event_type("emailLink-clicked", "event")
    ('product_viewed', 'email_link_clicked')
    >>> event_type("HTTPError", "event")
    'http_error'

    Raises:
        Refused: nothing is left of it, or more than 50 characters.
    """
    # Looked at only when short: what is remembered must not fill the memory.
    plain = _plain(name) if len(name) <= _LONGEST_NAME else name
    if not plain:
        raise Refused("missing", "This names no type of event.", attr)
    if len(plain) > limits.EVENT_TYPE_CHARACTERS:
        words = f"A type of event has at most {limits.EVENT_TYPE_CHARACTERS} characters."
        raise Refused("too_long", words, attr)
    return plain


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    return _GAP.sub("_", _HUMP.sub("_", name)).strip("_").lower()


def reference(value: str | int | None, attr: str) -> str:
    """Return a code as text; empty when there is none.

    >>> reference(17850, "customer_id")
    '17850'
    """
    return _bounded(value, attr, limits.REFERENCE_CHARACTERS)


def message_id(value: str | int | None, attr: str) -> str:
    return _bounded(value, attr, limits.MESSAGE_ID_CHARACTERS)


def source(value: str | None, attr: str) -> str:
    return _bounded(value, attr, limits.SOURCE_CHARACTERS)


def required(text: str, attr: str) -> str:
    if not text or text.isspace():
        raise Refused("missing", "This field is required.", attr)
    return text


def _bounded(value: str | int | None, attr: str, longest: int) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value)
    if len(text) > longest:
        raise Refused("too_long", f"At most {longest} characters are kept.", attr)
    return text
