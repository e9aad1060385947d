"""Search over customers, articles and a million signals: how long until the answer is there.

Ours: ``search`` with ten hits of each kind, ranked and with the words marked; the 95th percentile
over many different questions of a sort. Peer: what one would write first, the newest ten of
PostgreSQL's full text search over the signals alone, without ranks and marks. Limit: 50 ms.
"""

from collections.abc import Callable, Sequence
from random import Random
from statistics import quantiles
from time import perf_counter

from django.db import connection

from analytics.selectors.search import search
from analytics.services.signal_reports import (
    gather_search_words,
    refresh_signals_by_day,
    score_signals,
)
from benchmarks import scratch, signal_data
from benchmarks.framework import Row, Scale, seconds

DATABASE = "crm_bench_search"
LIMIT_MS = 50.0
QUESTIONS = 100
PLAIN = """
    select id, occurred_at
    from analytics_signal
    where search @@ websearch_to_tsquery('public.crm_search', %s)
    order by occurred_at desc, id desc
    limit 10
"""
HOSTILE = (
    "'; drop table customers_customer; --", '"view" or -view', "-view", "& | ! ( ) :* <->",
    "\x00\ud800", "view " * 2_000, "a" * 10_000, "%s %(q)s", '"https shop"', "or or or",
    '"shop view" or "example mobile"', "e", "ex", "%", "\\", '"' * 50,
)  # fmt: skip


def run(scale: Scale) -> list[Row]:
    """Measure each sort of question, and the work of the night that the answers need."""
    with scratch.database(DATABASE):
        used = signal_data.fill(scale)
        night = _night()
        scratch.sql("vacuum (analyze) analytics_searchword")
        return [*(_row(name, asked) for name, asked in _questions(used).items()), *night]


def _questions(used: Sequence[str]) -> dict[str, list[str]]:
    """Return questions by sort; a word is the more common the earlier it stands."""
    chance = Random(3)  # noqa: S311 - nothing secret

    def some(first: int, last: int) -> list[str]:
        return [chance.choice(used[first:last]) for _ in range(QUESTIONS)]

    rare, middling, common = some(5_000, 20_000), some(30, 1_000), some(0, 10)
    everywhere = ["view", "example", "shop", "mobile", "purchase", "email_opened", "https"]
    return {
        "rare word": rare,
        "middling word": middling,
        "common word": common,
        "word of most signals": everywhere * 15,
        "beginning of a word": [word[:4] for word in middling],
        "customer's code": [f"C{chance.randint(1, 50_000):08}" for _ in range(QUESTIONS)],
        "two words": [f"{a} {b}" for a, b in zip(common, middling, strict=True)],
        "three words": [
            f"view {a} {b}" for a, b in zip(common, some(0, 30), strict=True)
        ],
        "two words side by side": [f'"{a} {b}"' for a, b in zip(common, some(0, 30), strict=True)],
        "mistyped word": [_slip(word, chance) for word in rare],
        "nothing like it": [f"zzyx{word[:3]}qq" for word in rare],
        "hostile": list(HOSTILE) * 6,
    }  # fmt: skip


def _slip(word: str, chance: Random) -> str:
    """Return a word with two letters swapped, one left out, or one replaced."""
    place = chance.randrange(1, len(word) - 2)
    return chance.choice(
        [
            word[:place] + word[place + 1] + word[place] + word[place + 2 :],
            word[:place] + word[place + 1 :],
            f"{word[:place]}y{word[place + 1 :]}",
        ]
    )


def _row(name: str, asked: Sequence[str]) -> Row:
    found = sum(bool(search(q).hits) for q in asked[:10])  # Also fills the caches.
    ours = _milliseconds(search, asked)
    peer = _milliseconds(_plain, [q for q in asked if "\x00" not in q])
    return Row(
        f"search {signal_data.SIGNALS:,} signals: {name}",
        _p95(ours),
        "ms",
        peer=_p95(peer),
        limit=LIMIT_MS,
        at_most_limit=1.0,
        note=f"95th percentile; median {quantiles(ours)[1]:.1f} ms, longest {max(ours):.0f} ms;"
        f" {found} of {len(asked[:10])} found something",
    )


def _plain(q: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(PLAIN, [q])
        cursor.fetchall()


def _milliseconds(work: Callable[[str], object], asked: Sequence[str]) -> list[float]:
    taken = []
    for q in asked:
        started = perf_counter()
        work(q)
        taken.append(1000 * (perf_counter() - started))
    return taken


def _p95(taken: Sequence[float]) -> float:
    return quantiles(taken, n=20)[18]


def _night() -> list[Row]:
    """Measure what is computed of a million signals, all of it."""
    return [
        Row(f"{name}, {signal_data.SIGNALS:,} signals", seconds(work), "s")
        for name, work in (
            ("score customers' interest", score_signals),
            ("count signals by day, all", lambda: refresh_signals_by_day(everything=True)),
            ("count signals by day, nothing new", refresh_signals_by_day),
            ("gather the search's words, all", lambda: gather_search_words(everything=True)),
        )
    ]
