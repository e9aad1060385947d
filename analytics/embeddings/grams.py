"""Cut text into terms: words, and pairs of neighbouring words."""

import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise

_CHUNK = re.compile(r"[.,;:!?()\n\r|]+")
_WORD = re.compile(r"[^\W_]+")


def terms(text: str) -> Counter[str]:
    """Count words and pairs; a pair never reaches over a comma, a full stop or a line's end.

    >>> sorted(terms("Families: some Pinot Noir, Port."))
    ['families', 'noir', 'pinot', 'pinot noir', 'port', 'some', 'some pinot']
    """
    found: list[str] = []
    for chunk in _CHUNK.split(text.casefold()):
        found += _chunk_terms(chunk)
    return Counter(found)


@lru_cache(maxsize=50_000)
def _chunk_terms(chunk: str) -> tuple[str, ...]:
    """Return words, then pairs. Customers share most pieces of their texts: each is cut once."""
    words = _WORD.findall(chunk)
    return (*words, *(f"{left} {right}" for left, right in pairwise(words)))
