"""What the current recommendations say in all, read from their run's row alone."""

from dataclasses import dataclass
from typing import Any

from recommendations.models import Decided, RecoRun
from recommendations.selectors.recommendations import current_run


@dataclass(frozen=True, slots=True)
class AtAGlance:
    """The current run in a few figures.

    Attributes:
        by_scenario: products offered by scenario.
        may_leave: customers with lists that passed the audit and may be sent; None: not audited.
        gate_passed: None before the audit.
        gate_reasons: what holds the gate shut, in sentences.
        waiting: whether nobody has yet decided about the run as a whole.
        newer_failure: why the newest run after it failed or was stopped; empty: it did not.
    """

    run: RecoRun
    customers: int
    lists: int
    items: int
    contactable: int
    by_scenario: dict[str, int]
    may_leave: int | None
    gate_passed: bool | None
    gate_reasons: tuple[str, ...]
    waiting: bool
    newer_failure: str


def at_a_glance() -> AtAGlance | None:
    """Return the current recommendations in all, in two small queries; None before the first."""
    run = current_run()
    if run is None:
        return None
    counts: dict[str, Any] = run.counts
    gate: dict[str, Any] = run.gate
    return AtAGlance(
        run=run,
        customers=counts.get("customers", 0),
        lists=counts.get("lists", 0),
        items=counts.get("items", 0),
        contactable=counts.get("contactable", 0),
        by_scenario=dict(counts.get("by_scenario", {})),
        may_leave=run.checks.get("exportable"),
        gate_passed=bool(gate["passed"]) if "passed" in gate else None,
        gate_reasons=tuple(str(reason) for reason in gate.get("reasons", ())),
        waiting=run.approval == Decided.PENDING,
        newer_failure=_newer_failure(run),
    )


def _newer_failure(current: RecoRun) -> str:
    whole = RecoRun.objects.filter(pk__gt=current.pk, customers_chosen__isnull=True)
    newest = whole.exclude(status=RecoRun.Status.RUNNING).order_by("-pk").first()
    return newest.error if newest else ""
