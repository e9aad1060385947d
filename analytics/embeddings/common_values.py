"""Say what two profile texts have in common, where no model can weigh their terms."""

from collections.abc import Iterator

from analytics.embeddings.local import CommonTerm

_AMOUNTS = ("mostly ", "some ", "a little ")


def values_in_common(left: str, right: str, most: int = 5) -> list[CommonTerm]:
    """Return the values that stand under the same label in both texts, in the order of the left.

    Whether something is bought mostly or a little makes no difference; each counts the same.

    >>> values_in_common("Families: mostly Port, some Gin.", "Families: a little port.")
    [CommonTerm(term='port', part=1.0)]
    >>> values_in_common("Families: mostly Port.", "")
    []
    """
    others = set(_values(right))
    shared = list(dict.fromkeys(one for one in _values(left) if one in others))
    return [CommonTerm(value, 1 / len(shared)) for _, value in shared][:most]


def _values(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        label, _, words = line.partition(": ")
        for word in words.rstrip(".").split(", "):
            value = word.strip().casefold()
            for amount in _AMOUNTS:
                value = value.removeprefix(amount)
            if value:
                yield label, value
