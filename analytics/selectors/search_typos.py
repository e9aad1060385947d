"""What was probably meant by words that nothing has."""

import re
from collections.abc import Collection

from django.db import connection

from analytics.scoring.typos import fold, nearest
from analytics.selectors import search_sql as sql

MOST_WORDS = 6
"""Words of a question that are looked at."""

NEWEST = 300
"""Newest rows of a kind whose words count although they were not gathered yet."""

THRESHOLD = 0.25
"""Share of common trigrams from which words are compared letter by letter."""

_WORD = re.compile(r"[^\W\d_]{3,40}")


def meant(text: str, kinds: Collection[str]) -> str:
    """Return the question with its unknown words replaced by similar known ones; "" if none is.

    Knows only words of the kinds given, so that it tells nothing about others.
    """
    better = text
    for typed in _WORD.findall(text)[:MOST_WORDS]:
        word = fold(typed)
        if kinds and not _is_known(word, kinds) and (other := _similar(word, kinds)):
            better = re.sub(rf"\b{re.escape(typed)}\b", other, better, count=1)
    return better if better != text else ""


def _is_known(word: str, kinds: Collection[str]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql.KNOWN.format(kinds=_any(kinds)), {"word": word})
        return bool(cursor.fetchone()[0])


def _similar(word: str, kinds: Collection[str]) -> str | None:
    """Return the word that is like it and occurs, if there is one.

    Gathered words first: those of the newest rows are compared only where none of them will do.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('pg_trgm.similarity_threshold', %s, true)", [str(THRESHOLD)]
        )
        counts = " + ".join(sorted(kinds))
        cursor.execute(sql.SIMILAR.format(counts=counts, kinds=_any(kinds)), {"word": word})
        gathered = nearest(word, cursor.fetchall())
        if gathered:
            return gathered
        newest: list[tuple[str, int]] = []
        for kind in sorted(kinds):
            statement = sql.SIMILAR_NEWEST.format(
                documents=sql.NEWEST_WORDS[kind], threshold=THRESHOLD
            )
            cursor.execute(statement, {"word": word, "newest": NEWEST})
            newest += cursor.fetchall()
    return nearest(word, newest)


def _any(kinds: Collection[str]) -> str:
    """Return the condition that a word occurs in one of the kinds."""
    return " or ".join(f"{kind} > 0" for kind in sorted(kinds))
