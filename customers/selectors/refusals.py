"""Why lines of an import were refused: counts by reason, each with samples."""

from dataclasses import dataclass

from django.db.models import Count, Min

from customers.models import ImportBatch, RefusedRow

SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason, how many lines it hit, and the first of them."""

    code: str
    reason: str
    lines: int
    samples: tuple[RefusedRow, ...]


def refusals(*, batch: ImportBatch) -> list[Refusal]:
    """Return the reasons of a batch, the most frequent first."""
    groups = (
        RefusedRow.objects.filter(batch=batch)
        .order_by()
        .values("code")
        .annotate(lines=Count("pk"), reason=Min("reason"))
        .order_by("-lines", "code")
    )
    return [
        Refusal(
            code=group["code"],
            reason=group["reason"],
            lines=group["lines"],
            samples=tuple(
                RefusedRow.objects.filter(batch=batch, code=group["code"]).order_by("line_number")[
                    :SAMPLES
                ]
            ),
        )
        for group in groups
    ]
