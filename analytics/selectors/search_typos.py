"""What was probably meant by words that nothing has."""

import re
from collections.abc import Collection
from typing import Any

from django.db import connection

from analytics.scoring.typos import fold, nearest
from analytics.selectors import search_sql as sql

MOST_WORDS = 6
"""Words of a question that are looked at."""

NEWEST = 300
"""Newest rows of a kind whose words count although they were not gathered yet."""

THRESHOLD = 0.25
"""Share of common trigrams from which words are compared letter by letter."""

_WORD = re.compile(r"(?<!\w)[^\W\d_]{3,40}(?!\w)")


def meant(text: str, kinds: Collection[str]) -> str:
    """Return the question with its unknown words replaced by similar known ones; "" if none is.

    Knows only words of the kinds given, so that it tells nothing about others.
    """
    typed = {fold(word): word for word in _WORD.findall(text)[:MOST_WORDS]}
    if not typed or not kinds:
        return ""
    better = text
    for word, other in _replacements(list(typed), sorted(kinds)).items():
        better = re.sub(rf"(?<!\w){re.escape(typed[word])}(?!\w)", other, better)
    return better if better != text else ""


def _replacements(words: list[str], kinds: list[str]) -> dict[str, str]:
    """Return a similar word for each that does not occur, where there is one.

    Gathered words first; those of the newest rows are compared only where none of them will do.
    """
    columns = {
        "kinds": " or ".join(f"{kind} > 0" for kind in kinds),
        "counts": " + ".join(kinds),
    }
    known = {word for (word,) in _rows(sql.KNOWN.format(**columns), words)}
    unknown = [word for word in words if word not in known]
    found = _nearest(sql.SIMILAR.format(**columns), unknown)
    documents = " union all ".join(f"({sql.NEWEST_WORDS[kind]})" for kind in kinds)
    newest = sql.SIMILAR_NEWEST.format(documents=documents, threshold=THRESHOLD)
    return found | _nearest(newest, [word for word in unknown if word not in found])


def _nearest(statement: str, words: list[str]) -> dict[str, str]:
    """Return the nearest of the candidates that a statement finds, by word."""
    candidates: dict[str, list[tuple[str, int]]] = {}
    for typed, word, common in _rows(statement, words):
        candidates.setdefault(typed, []).append((word, common))
    pairs = ((typed, nearest(typed, those)) for typed, those in candidates.items())
    return {typed: word for typed, word in pairs if word}


def _rows(statement: str, words: list[str]) -> list[tuple[Any, ...]]:
    if not words:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('pg_trgm.similarity_threshold', %s, true)", [str(THRESHOLD)]
        )
        cursor.execute(statement, {"words": words, "newest": NEWEST})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
