"""Alarms about the newest run against the three before it. Each says what it saw, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from recommendations.scoring.intervals import Count, newcombe

RUNS_BEFORE = 3
PURCHASE_DROP = 0.10
RETURNS_MOST = 0.15
ACCEPTANCE_LEAST = 0.50
SATISFACTION_DROP = 0.15
ANSWERS_NEEDED = 20


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What followed one run, among treated customers whose window is over.

    Amounts in the shop's currency without tax. ``satisfaction`` is a sum of values from 0 to 1.
    """

    run: int
    treated: int
    buyers: int
    sold: float
    returned: float
    accepted: int = 0
    rejected: int = 0
    satisfaction: float = 0.0
    satisfied_answers: int = 0


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should look at."""

    code: str
    words: str


def alarms(runs: Sequence[RunFigures]) -> tuple[Alarm, ...]:
    """Return the alarms about the last of the runs, which are given oldest first.

    >>> before = RunFigures(run=1, treated=4000, buyers=800, sold=100.0, returned=0.0)
    >>> now = RunFigures(run=2, treated=4000, buyers=600, sold=100.0, returned=20.0)
    >>> [alarm.code for alarm in alarms([before, now])]
    ['PURCHASE_RATE', 'RETURNS']
    >>> alarms([before, RunFigures(run=2, treated=10, buyers=1, sold=9.0, returned=0.0)])
    ()
    """
    if not runs:
        return ()
    now, before = runs[-1], runs[-1 - RUNS_BEFORE : -1]
    found = [_purchases(now, before), _returns(now), _acceptance(now), _satisfaction(now, before)]
    return tuple(alarm for alarm in found if alarm is not None)


def _purchases(now: RunFigures, before: Sequence[RunFigures]) -> Alarm | None:
    """A tenth fewer buyers than in the runs before, and not by chance."""
    past = Count(sum(run.buyers for run in before), sum(run.treated for run in before))
    if not (past.of and past.hits and now.treated):
        return None
    present = Count(now.buyers, now.treated)
    change = present.share / past.share - 1
    if change > -PURCHASE_DROP or newcombe(present, past).high >= 0:
        return None
    return Alarm(
        "PURCHASE_RATE",
        f"After run {now.run}, {present.share:.1%} of the customers written to bought; after the "
        f"{_runs(before)} before it, {past.share:.1%}. That is {-change:.0%} less, and more than "
        "chance explains.",
    )


def _returns(now: RunFigures) -> Alarm | None:
    if now.sold <= 0 or now.returned / now.sold <= RETURNS_MOST:
        return None
    return Alarm(
        "RETURNS",
        f"{now.returned / now.sold:.0%} of what was sold after run {now.run} came back; "
        f"more than {RETURNS_MOST:.0%} is an alarm.",
    )


def _acceptance(now: RunFigures) -> Alarm | None:
    answers = now.accepted + now.rejected
    if answers < ANSWERS_NEEDED or now.accepted / answers >= ACCEPTANCE_LEAST:
        return None
    return Alarm(
        "ACCEPTANCE",
        f"Only {now.accepted / answers:.0%} of {answers:,} answers to run {now.run} took what was "
        "offered.",
    )


def _satisfaction(now: RunFigures, before: Sequence[RunFigures]) -> Alarm | None:
    answers = sum(run.satisfied_answers for run in before)
    past = sum(run.satisfaction for run in before)
    if min(answers, now.satisfied_answers) < ANSWERS_NEEDED or past <= 0:
        return None
    change = (now.satisfaction / now.satisfied_answers) / (past / answers) - 1
    if change > -SATISFACTION_DROP:
        return None
    return Alarm(
        "SATISFACTION",
        f"Satisfaction after run {now.run} is {-change:.0%} lower than after the "
        f"{_runs(before)} before it.",
    )


def _runs(before: Sequence[RunFigures]) -> str:
    return "run" if len(before) == 1 else f"{len(before)} runs"
