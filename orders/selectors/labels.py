"""Read what the pages about labels show beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Count

from orders.models import LabelSuggestion, Product

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product that a label may belong to."""

    key: str
    label: str
    similarity: float


def pending_labels() -> int:
    """Return how many labels wait for a person."""
    return LabelSuggestion.objects.pending().count()


def next_pending(*, after: LabelSuggestion) -> LabelSuggestion | None:
    """Return the label of the queue to look at after this one: seen less often, or else any."""
    waiting = LabelSuggestion.objects.pending().order_by("-seen", "-id")
    return waiting.filter(seen__lte=after.seen).exclude(pk=after.pk).first() or waiting.first()


def candidates(label: str, *, limit: int = SHOWN) -> list[Candidate]:
    """Return the active products whose labels are most like this one."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Wider than for a proposal: here a person looks.
        cursor.execute("select set_config('pg_trgm.word_similarity_threshold', '0.3', true)")
        cursor.execute(_CANDIDATES, {"label": label, "limit": limit})
        return [Candidate(*row) for row in cursor.fetchall()]


_CANDIDATES = """
select p.key, p.label, similarity(lower(p.label), lower(trim(%(label)s))) as similarity
from orders_product as p
where p.search_text %%> lower(trim(%(label)s)) and p.is_active
order by similarity desc, p.key
limit %(limit)s
"""


def states() -> dict[str, int]:
    """Count the labels by what was said about them."""
    found = LabelSuggestion.objects.values_list("status").annotate(n=Count("pk")).order_by()
    return dict(found)


def known(key: str) -> Product | None:
    """Return the product of that key, whatever somebody typed."""
    text = key.strip()
    return None if "\x00" in text else Product.objects.filter(key=text).first()


def doubles(rows: Sequence[LabelSuggestion]) -> int:
    """Count those that stand for a second product that looks like the first."""
    return sum(1 for row in rows if row.other_id)
