"""How far a word is from another, as fingers slip: for "did you mean"."""

import unicodedata
from collections.abc import Iterable


def fold(word: str) -> str:
    """Return a word in small letters and without accents.

    >>> fold("Café")
    'cafe'
    """
    apart = unicodedata.normalize("NFKD", word.lower())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def slips(typed: str, meant: str) -> int:
    """Return how many letters were left out, added, replaced, or swapped with their neighbour.

    The optimal string alignment distance.

    >>> slips("lovelase", "lovelace"), slips("recieved", "received"), slips("mug", "mug")
    (1, 1, 0)
    """
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(typed, start=1):
        above, row, oldest = row, [i], before
        for j, other in enumerate(meant, start=1):
            cost = min(row[j - 1] + 1, above[j] + 1, above[j - 1] + (letter != other))
            swapped = i > 1 and j > 1 and letter == meant[j - 2] and typed[i - 2] == other
            row.append(min(cost, oldest[j - 2] + 1) if swapped else cost)
        before = above
    return row[-1]


def allowed(typed: str) -> int:
    """Return how many slips a word of that length may have and still be meant."""
    return 1 if len(typed) <= 5 else 2 if len(typed) <= 9 else 3


def nearest(typed: str, words: Iterable[tuple[str, int]]) -> str | None:
    """Return the word that was probably meant: fewest slips, then the most common.

    None where nothing is near enough, and where the word itself is among the candidates.

    Args:
        typed: one word.
        words: candidates with how common they are.

    >>> nearest("lantrn", [("lantern", 5), ("lantana", 90)])
    'lantern'
    >>> nearest("lantrn", [("garden", 90)]) is None
    True
    >>> nearest("ada", [("adam", 90), ("ada", 1)]) is None
    True
    """
    folded = fold(typed)
    found = min(
        ((slips(folded, fold(word)), -common, word) for word, common in words), default=None
    )
    return found[2] if found and 0 < found[0] <= allowed(folded) else None
