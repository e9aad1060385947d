"""Cut a list of events apart by its brackets alone, for bodies that no JSON reader takes whole.

One event with half a surrogate pair, or nested a thousand levels deep, makes a whole batch
unreadable. The marks of the structure are enough to find where it begins and ends.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from analytics.ingest import limits
from analytics.ingest.refusals import Refused
from analytics.ingest.storable import TOKENS

_OPENING, _CLOSING = b"[{", b"]}"


@dataclass(slots=True)
class Cut:
    """The elements of the list, and what is left of the body when the list is emptied."""

    elements: list[bytes] = field(default_factory=list)
    rest: bytes = b""


def cut(body: bytes, keys: frozenset[bytes]) -> Cut | None:
    r"""Find the list of events: at the top, or under one of ``keys`` one level down.

    >>> cut(b'{"batch": [{"a": "\\ud800"}, 2], "x": 1}', frozenset({b'"batch"'}))
    Cut(elements=[b'{"a": "\\ud800"}', b'2'], rest=b'{"batch": [], "x": 1}')
    >>> cut(b'{"batch": [1, 2', frozenset({b'"batch"'})) is None
    True

    Raises:
        Refused: it is longer than a batch may be.
    """
    depth, key = 0, b""
    marks = TOKENS.finditer(body)
    for found in marks:
        mark = found[0]
        if mark == b"[" and (depth == 0 or (depth == 1 and key in keys)):
            return _elements(body, found.start(), marks)
        if depth == 1 and mark.startswith(b'"'):
            key = mark
        depth += (mark in _OPENING) - (mark in _CLOSING)
    return None


def _elements(body: bytes, opened: int, marks: Iterator[re.Match[bytes]]) -> Cut | None:
    done = Cut()
    depth, begin = 0, opened + 1
    for found in marks:
        mark = found[0]
        if depth == 0 and mark in b",]":
            done.elements.append(body[begin : found.start()].strip())
            begin = found.end()
            if len(done.elements) > limits.BATCH_EVENTS:
                # Whatever follows: reading on would be work for nothing.
                raise Refused("too_many", f"A batch has at most {limits.BATCH_EVENTS} events.")
            if mark == b"]":
                done.rest = body[:opened] + b"[]" + body[begin:]
                return done
        depth += (mark in _OPENING) - (mark in _CLOSING)
    return None
