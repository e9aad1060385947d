"""The state of the queue in words and shapes, the same for the page and for its script."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from analytics.selectors.signal_queue import Consumer, MinuteCounts, QueueStats
from crm_project.common import formats
from crm_project.common.charts import columns as chart

LONG_WAIT_SECONDS = 60
NEARLY_FULL = 80
SEEN = 4
"""A few quarantined events among thousands must be seen: so high at least, of 100."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One row of the table of workers."""

    name: str
    where: str
    state: str
    holds: str
    seen: str
    alive: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence above the figures; ``tone`` is the class that colours it."""

    words: str
    tone: str = "crm-bad"


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute: its column's place in the chart, and what happened in it."""

    x: str
    width: str
    words: str
    row: list[str]


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that changes. ``texts`` and ``shapes`` are keyed by the elements they go to."""

    texts: dict[str, str]
    shapes: dict[str, str]
    notices: list[Notice]
    workers: list[Worker]
    minutes: list[Minute]
    full_percent: int
    tones: dict[str, str] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        return asdict(self)


def shown(stats: QueueStats) -> Shown:
    """Describe the queue. When it is away, figures are dashes and a notice says why."""
    history = _known_depths(stats)
    moved, depth = _axes(history)
    percent = _full(stats)
    return Shown(
        texts={**_figures(stats, percent), **_axis_texts(stats, moved, depth)},
        shapes=_shapes(history, moved, depth),
        notices=_notices(stats, percent),
        workers=[_worker(consumer, stats.as_of) for consumer in stats.consumers],
        minutes=_minutes(history),
        full_percent=percent,
        tones={
            "depth": "crm-hot" if percent >= NEARLY_FULL else "",
            "oldest": "crm-hot" if stats.oldest_waiting_seconds > LONG_WAIT_SECONDS else "",
            "quarantined": "crm-hot" if stats.quarantined else "",
            "workers": "" if any(consumer.alive for consumer in stats.consumers) else "crm-hot",
        },
    )


def _figures(stats: QueueStats, percent: int) -> dict[str, str]:
    alive = [consumer for consumer in stats.consumers if consumer.alive]
    if not stats.available:
        dash = formats.NOTHING
        texts = dict.fromkeys(("depth", "oldest", "accepted", "stored", "workers"), dash)
        notes = dict.fromkeys(("depth_note", "oldest_note", "accepted_note", "stored_note"), "")
        return {**texts, **notes, "workers_note": "", **_quarantine(stats), **_as_of(stats.as_of)}
    return {
        "depth": formats.count(stats.depth),
        "depth_note": f"events, {percent} % of what it may hold; {megabytes(stats.bytes)}",
        "oldest": age(stats.oldest_waiting_seconds) if stats.depth else "nothing waits",
        "oldest_note": "since the oldest one was accepted" if stats.depth else "all is stored",
        "accepted": f"{rate(stats.accepted_per_second)}/s",
        "accepted_note": f"over the last minute; {formats.count(stats.accepted_total)} in all",
        "stored": f"{rate(stats.stored_per_second)}/s",
        "stored_note": f"over the last minute; {formats.count(stats.done_total)} finished in all",
        "workers": formats.count(len(alive)),
        "workers_note": f"{formats.count(stats.pending)} chunks in their hands",
        **_quarantine(stats),
        **_as_of(stats.as_of),
    }


def _quarantine(stats: QueueStats) -> dict[str, str]:
    waiting = stats.quarantined
    note = "wait for a decision" if waiting else "nothing to decide"
    return {"quarantined": formats.count(waiting), "quarantined_note": note}


def _as_of(moment: datetime) -> dict[str, str]:
    return {"as_of": f"{timezone.localtime(moment):%-d %b %Y %H:%M:%S}"}


def _full(stats: QueueStats) -> int:
    """Return how full the queue is, by whichever limit comes first, in whole percent."""
    events = stats.depth * 100 / stats.max_events if stats.max_events else 0
    size = stats.bytes * 100 / stats.max_bytes if stats.max_bytes else 0
    return min(100, round(max(events, size)))


def _notices(stats: QueueStats, percent: int) -> list[Notice]:
    if not stats.available:
        return [Notice("The queue does not answer: new signals get 503 and are sent again by "
                       "their senders. What was acknowledged is on its disk.")]  # fmt: skip
    notices = []
    if not stats.durable:
        notices.append(Notice(f"The queue is not durable, so no signals are taken: "
                              f"{stats.not_durable_reason}"))  # fmt: skip
    if percent >= 100:
        notices.append(Notice("The queue is full: new signals get 503 until workers made room."))
    elif percent >= NEARLY_FULL:
        words = f"The queue is {percent} % full. At 100 % new signals get 503."
        notices.append(Notice(words, "crm-warn"))
    if not any(consumer.alive for consumer in stats.consumers):
        tone = "crm-bad" if stats.depth else "crm-warn"
        notices.append(Notice("No worker is running: what arrives waits. “manage.py "
                              "consume_signals” starts one.", tone))  # fmt: skip
    return notices


def _worker(consumer: Consumer, now: datetime) -> Worker:
    where = f"{consumer.host}, process {consumer.pid}" if consumer.pid else consumer.host
    seen = consumer.seen
    ago = age(max((now - seen).total_seconds(), 0)) + " ago" if seen else "no sign of life"
    state = consumer.state or "works"
    return Worker(
        name=consumer.name,
        where=where or formats.NOTHING,
        state=state if consumer.alive else "gone; others take over what it held",
        holds=formats.count(consumer.pending),
        seen=ago,
        alive=consumer.alive,
    )


def _known_depths(stats: QueueStats) -> list[MinuteCounts]:
    """Fill the minutes in which nothing happened: what waited before them waited on.

    The last minute is not over; what waits now stands for it.
    """
    filled: list[MinuteCounts] = []
    known: int | None = None
    for row in stats.history:
        known = known if row.depth is None else row.depth
        filled.append(replace(row, depth=known))
    if filled:
        filled[-1] = replace(filled[-1], depth=stats.depth)
    return filled


def _axes(history: list[MinuteCounts]) -> tuple[chart.Axis, chart.Axis]:
    moved = [n for row in history for n in (row.accepted, row.stored + row.duplicate)]
    return chart.axis_for(moved), chart.axis_for(row.depth or 0 for row in history)


def _axis_texts(stats: QueueStats, moved: chart.Axis, depth: chart.Axis) -> dict[str, str]:
    texts = dict(zip(("moved_top", "moved_half"), moved.labels, strict=True))
    texts |= dict(zip(("depth_top", "depth_half"), depth.labels, strict=True))
    history = stats.history
    places = (0, len(history) // 4, len(history) // 2, 3 * len(history) // 4)
    for name, place in zip(("time_0", "time_1", "time_2", "time_3"), places, strict=True):
        texts[name] = _clock(history[place].minute) if history else ""
    return texts


def _shapes(history: list[MinuteCounts], moved: chart.Axis, depth: chart.Axis) -> dict[str, str]:
    # The minute that has just begun holds a part only: a line through it would always fall.
    finished: list[int | None] = [row.stored + row.duplicate for row in history]
    finished[-1:] = [None] if history else []
    return {
        "accepted": chart.bars([row.accepted for row in history], moved),
        "stored": chart.line(finished, moved),
        "quarantined": chart.bars([row.quarantined for row in history], moved, least=SEEN),
        "depth": chart.area([row.depth for row in history], depth),
    }


def _minutes(history: list[MinuteCounts]) -> list[Minute]:
    slot = chart.WIDTH / max(len(history), 1)
    return [
        Minute(x=f"{slot * place:.1f}", width=f"{slot:.1f}", words=_words(row), row=_row(row))
        for place, row in enumerate(history)
    ]


def _words(row: MinuteCounts) -> str:
    clock, *numbers = _row(row)
    names = ("accepted", "stored", "duplicates", "quarantined", "waiting")
    told = [f"{number} {name}" for number, name in zip(numbers, names, strict=True)]
    return f"{clock}: {', '.join(told)}"


def _row(row: MinuteCounts) -> list[str]:
    numbers = (row.accepted, row.stored, row.duplicate, row.quarantined, row.depth)
    return [_clock(row.minute), *(formats.count(number) for number in numbers)]


def _clock(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%H:%M}"


def rate(per_second: float) -> str:
    """Return a speed: exact below ten, whole above."""
    return f"{per_second:,.1f}" if 0 < per_second < 10 else f"{per_second:,.0f}"


def age(seconds: float) -> str:
    """Return how long something has waited, as short as it can be told."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def megabytes(size: int) -> str:
    return f"{size / 1024**2:,.1f} MB"
