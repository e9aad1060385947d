"""What came from outside, made safe to look at: nothing in it can act, hide or break the page."""

import json
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm_project.common import formats

LONGEST = 40_000
"""Characters that a page shows; events are smaller, but other bodies may come one day."""

TABS_AND_LINES = frozenset("\n\t")


def visible(text: str) -> str:
    """Return the text with every character that cannot be seen written as an escape.

    That covers NUL and other controls, lone surrogates, and the marks that turn the direction
    of writing around.

    >>> visible("a\\x00b\\u202ec")
    'a\\\\x00b\\\\u202ec'
    """
    return "".join(
        letter if letter.isprintable() or letter in TABS_AND_LINES else _escape(letter)
        for letter in text
    )


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")


def body_text(body: bytes | memoryview | str) -> str:
    """Return received bytes as text: JSON with line breaks, anything else as it stands."""
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
    text = raw.decode("utf-8", "backslashreplace")
    # Deep nesting ends in a RecursionError, a number of 5,000 digits in a ValueError.
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return visible(text)


def message_mark(message_id: str) -> SafeString | str:
    """Return a sender's id on one line; the rest of a long one shows when pointed at."""
    text = visible(message_id)
    if not text:
        return formats.NOTHING
    return format_html('<span class="crm-raw crm-one-line" title="{}">{}</span>', text, text)


def seconds(moment: datetime | None) -> str:
    """Return a moment in the shop's own time, with seconds: visits are told apart by them."""
    return f"{timezone.localtime(moment):%-d %b %Y %H:%M:%S}" if moment else formats.NOTHING


def pre(text: str) -> SafeString:
    """Return text as a block that keeps its line breaks; too long text says so at its end."""
    rest = len(text) - LONGEST
    more = f"\n… and {rest:,} more characters" if rest > 0 else ""
    return format_html('<pre class="crm-pre">{}{}</pre>', text[:LONGEST], more)


def pretty(value: Any) -> SafeString:
    """Return JSON that was stored, laid out in lines."""
    return pre(visible(json.dumps(value, indent=2, ensure_ascii=False)))
