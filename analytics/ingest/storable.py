"""What PostgreSQL cannot keep in text or jsonb is refused here, before it costs a transaction.

Each check first asks a question that nearly every event answers with "impossible" at the speed of
C; only the rest is walked through.
"""

import re
from typing import Any

from analytics.ingest import limits
from analytics.ingest.refusals import Refused

TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},:]', re.DOTALL)
"""Strings as a whole, and the marks of the structure, of any text that resembles JSON.

A string without its end goes on to the end of the text: to look for others within it would take
time by the square of its length.
"""

_LONG_NUMBER = re.compile(rb"[0-9]{309}")
_LARGEST_DOUBLE = int(1.7976931348623157e308)


def check_depth(body: bytes) -> None:
    """Refuse an event with more than 32 levels.

    >>> check_depth(b"[" * 33 + b"]" * 33)
    Traceback (most recent call last):
    analytics.ingest.refusals.Refused: Objects and lists are nested deeper than 32 levels.
    >>> check_depth(b'{"a":"' + b"[" * 33 + b'"}')
    """
    if body.count(b"{") + body.count(b"[") <= limits.DEPTH:
        return
    depth = 0
    for found in TOKENS.finditer(body):
        mark = found[0]
        if mark in b"[{":
            depth += 1
            if depth > limits.DEPTH:
                words = f"Objects and lists are nested deeper than {limits.DEPTH} levels."
                raise Refused("too_deep", words)
        elif mark in b"]}":
            depth -= 1


def check_values(value: Any, body: bytes) -> None:
    r"""Refuse NUL characters, and whole numbers that no double can hold.

    >>> check_values({"a": "x\0"}, b'{"a": "x\\u0000"}')
    Traceback (most recent call last):
    analytics.ingest.refusals.Refused: A text holds a NUL character.
    """
    if b"\\u0000" in body or _LONG_NUMBER.search(body):
        _walk(value)


def _walk(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise Refused("not_storable", "A text holds a NUL character.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _walk(key)
            _walk(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _walk(inner)
    elif isinstance(value, int) and abs(value) > _LARGEST_DOUBLE:
        raise Refused("not_storable", "A number is too large.")
