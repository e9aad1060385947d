"""Compares what callers were promised with what lies in the database."""

from dataclasses import dataclass

from tests.proofs.sender import is_poison

# Numbers of the events in the raw log, from both shapes, by outcome.
_RAW = """
select coalesce(body_json -> 'signal_data' ->> 'n', body_json -> 'properties' ->> 'n')::int,
    outcome, count(*)
from (
    select outcome, convert_from(body, 'utf8')::jsonb as body_json from analytics_rawevent
) as raw
group by 1, 2
"""

_COUNTS = {
    "signals": "select count(*) from analytics_signal",
    "named signals": "select count(*) from analytics_signal where message_id <> ''",
    "receipts": "select count(*) from analytics_signalreceipt",
    "raw stored": "select count(*) from analytics_rawevent where outcome = 'stored'",
    "raw duplicate": "select count(*) from analytics_rawevent where outcome = 'duplicate'",
    "raw quarantined": "select count(*) from analytics_rawevent where outcome = 'quarantined'",
    "quarantine": "select count(*) from analytics_quarantinedevent",
    "signals without raw event": """
        select count(*) from analytics_signal as s
        where not exists (
            select from analytics_rawevent as r where r.id = s.id and r.outcome = 'stored'
        )
    """,
    "receipts without signal": """
        select count(*) from analytics_signalreceipt as p
        where not exists (
            select from analytics_signal as s where s.id = p.event_id and s.message_id <> ''
        )
    """,
    "ids used twice": """
        select count(*) - count(distinct id) from analytics_signal
    """,
    "message ids used twice": """
        select count(*) - count(distinct (source, message_id))
        from analytics_signal where message_id <> ''
    """,
}


@dataclass
class Ledger:
    """What the database holds: signals by number, raw events by number, counts."""

    signals: dict[int, int]
    raw: dict[tuple[int, str], int]
    counts: dict[str, int]


def read(postgres):
    """Read everything in one connection to the server under test."""
    with postgres.connect() as connection:
        signals = connection.execute(
            "select (signal_data ->> 'n')::int, count(*) from analytics_signal group by 1"
        ).fetchall()
        raw = connection.execute(_RAW).fetchall()
        counts = {name: connection.execute(sql).fetchone()[0] for name, sql in _COUNTS.items()}
    return Ledger(dict(signals), {(n, what): times for n, what, times in raw}, counts)


def assert_kept(promises, postgres):
    """Fail unless every accepted event is stored exactly once and nothing is there unsent.

    Returns the ledger.
    """
    ledger = read(postgres)
    stored, counts = set(ledger.signals), ledger.counts
    assert promises.refused == []
    assert 500 not in promises.answers, promises.answers
    assert promises.accepted - stored == set(), "accepted and not stored"
    assert stored - promises.sent == set(), "stored and never sent"
    assert {n: times for n, times in ledger.signals.items() if times != 1} == {}
    assert counts["signals"] == counts["raw stored"] == len(stored)
    assert counts["receipts"] == counts["named signals"] == len(stored & promises.named)
    for what in counts:
        if "without" in what or "twice" in what:
            assert counts[what] == 0, what
    _assert_raw_log_agrees(ledger, promises)
    return ledger


def _assert_raw_log_agrees(ledger, promises):
    stored, counts = set(ledger.signals), ledger.counts
    raw = {
        outcome: {n for n, what in ledger.raw if what == outcome}
        for outcome in ("stored", "duplicate", "quarantined")
    }
    assert raw["stored"] == stored
    assert all(ledger.raw[n, "stored"] == 1 for n in stored)
    assert raw["duplicate"] <= stored, "a duplicate of nothing"
    assert promises.kept_aside <= raw["quarantined"] <= promises.sent
    assert all(is_poison(n) for n in raw["quarantined"])
    assert counts["raw quarantined"] == counts["quarantine"]


def lost(promises, postgres):
    """Return the numbers of events that were accepted and are not there: for guards."""
    return promises.accepted - set(read(postgres).signals)
