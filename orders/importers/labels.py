"""Tell whether two labels may name the same article. Pure.

Letters in common are not enough: "pink" and "red" variants of an article share most of theirs, and
a set of three is not a set of six. So words are compared: those that only one label has must each
have a near-twin in the other (a typing error, a plural), and numbers must be the same.
"""

import re
from difflib import SequenceMatcher

_WORD = re.compile(r"[^\W_]+")
NEAR = 0.75
"""From this share of letters in the same order on, two words may be one, written twice."""


def may_be_the_same(first: str, second: str) -> bool:
    """Return whether two labels differ in nothing but spelling and order of words.

    >>> may_be_the_same("White hanging heart T-light holder", "WHITE HANGING HEARTS T-LIGHT HOLDER")
    True
    >>> may_be_the_same("Jumbo bag red retrospot", "Jumbo bag pink retrospot")
    False
    >>> may_be_the_same("Set of 3 cake tins", "Set of 6 cake tins")
    False
    """
    ours, theirs = _words(first), _words(second)
    only, other = _without(ours, theirs), _without(theirs, ours)
    if len(only) != len(other):
        return False
    for word in only:
        twin = max(other, key=lambda candidate: _likeness(word, candidate))
        if any(map(str.isdigit, word + twin)) or _likeness(word, twin) < NEAR:
            return False
        other.remove(twin)
    return True


def _words(label: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(label)]


def _without(words: list[str], taken: list[str]) -> list[str]:
    """Return the words that are left when each of ``taken`` takes one away."""
    left = list(words)
    for word in taken:
        if word in left:
            left.remove(word)
    return left


def _likeness(first: str, second: str) -> float:
    return SequenceMatcher(None, first, second, autojunk=False).ratio()
