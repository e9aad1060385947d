"""Cut text into terms: words, and pairs of neighbouring words."""

import re
from collections import Counter
from itertools import pairwise

_CHUNK = re.compile(r"[.,;:!?()\n\r|]+")
_WORD = re.compile(r"[^\W_]+")


def terms(text: str) -> Counter[str]:
    """Count words and pairs; a pair never reaches over a comma, a full stop or a line's end.

    >>> sorted(terms("Families: some Pinot Noir, Port."))
    ['families', 'noir', 'pinot', 'pinot noir', 'port', 'some', 'some pinot']
    """
    found: Counter[str] = Counter()
    for chunk in _CHUNK.split(text.casefold()):
        words = _WORD.findall(chunk)
        found.update(words)
        found.update(f"{left} {right}" for left, right in pairwise(words))
    return found
