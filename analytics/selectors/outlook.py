"""What the predictions and segmentations that people see say in all, read in two small queries.

The sums were taken when the run was made, so a page with a million customers behind it adds up
nothing.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics.models import MetricsRun, SegmentationComparison
from analytics.selectors.segmentations import newest_comparisons


@dataclass(frozen=True, slots=True)
class Outlook:
    """The current predictions at a glance.

    Attributes:
        leaving, undecided, staying: customers by churn band: high, medium, low.
        ltv: money expected of all customers in the coming 12 months, discounted.
        reason: why numbers are missing, in words; empty when they are not.
        caution: the run's first sentence, such as a degenerate fit.
    """

    run: MetricsRun
    as_of: date
    leaving: int | None
    undecided: int | None
    staying: int | None
    ltv: Decimal | None
    reason: str
    caution: str


def outlook() -> Outlook | None:
    """Return the current predictions in all; None before the first run."""
    run = MetricsRun.objects.filter(is_current=True).first()
    if run is None:
        return None
    words = [str(sentence) for sentence in run.words]
    known = run.quality not in {"", MetricsRun.Quality.NONE}
    counts = run.bands.get("counts") or {} if known else {}
    ltv = run.fingerprint.get("ltv") if known else None
    return Outlook(
        run=run,
        as_of=run.as_of,
        leaving=counts.get("high"),
        undecided=counts.get("medium"),
        staying=counts.get("low"),
        ltv=Decimal(ltv) if ltv is not None else None,
        reason="" if known else " ".join(words) or "Too little data for predictions.",
        caution=words[0] if known and words else "",
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison of the RFM map with one other kind says, sentence by sentence."""

    comparison: SegmentationComparison
    title: str
    agreement: str
    judgement: str


def verdicts() -> list[Verdict]:
    """Return the comparisons of the segmentations that people see now."""
    return [_verdict(found) for found in newest_comparisons()]


def _verdict(found: SegmentationComparison) -> Verdict:
    left, right = found.left.get_kind_display(), found.right.get_kind_display()
    first = found.verdict.partition(". ")[0]
    judged = found if found.later_judged else found.judged
    return Verdict(
        comparison=found,
        title=f"{left} and {right}",
        agreement=f"{first}." if first and not first.endswith(".") else first,
        judgement=_judgement(judged) if judged else "",
    )


def _judgement(judged: SegmentationComparison) -> str:
    """Return the sentence about later revenue, the one that money follows."""
    outcomes = (judged.results.get("later") or {}).get("outcomes") or []
    return next((one["words"] for one in outcomes if one.get("key") == "revenue"), "")
