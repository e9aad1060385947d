"""Fill the queue of labels that may belong to a product.

A label stands in the queue once, whatever brought it. What a person rejected stays rejected: it
comes back only with a product that is more alike and was not rejected for this label before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from crm_project.common.jobs import Progress
from orders.importers.labels import may_be_the_same
from orders.models import LabelSuggestion, Product
from orders.services.only_one import only_one

MOST_LABELS = 10_000
"""Labels that one import puts into the queue: those on most lines."""

MATCHED_AT_ONCE = 500
"""Labels for which an import looks for a product; ``suggest_aliases`` does the others."""

LEAST_SIMILARITY = 0.3
"""Below this two labels have so little in common that a proposal would waste a person's time."""

LEAST_ALIKE = 0.6
"""From so much on two products' labels are compared word by word."""

_STEP = 200


@dataclass(frozen=True, slots=True)
class Label:
    """A label that named no product: as written, the number that came with it, on how many lines.

    ``other`` is the id of the product whose own label it is, where two products look alike.
    """

    label: str
    key: str = ""
    lines: int = 0
    other: int | None = None
    product: int | None = None
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Suggested:
    """What a search for aliases found."""

    labels: int = 0
    matched: int = 0
    products: int = 0
    alike: int = 0

    @property
    def words(self) -> str:
        """Return what was found, for people."""
        return (
            f"{self.matched:,} of {self.labels:,} waiting labels have a product that is alike;"
            f" {self.alike:,} of {self.products:,} products look like another one."
        )


def queue_labels(*, labels: Sequence[Label], source: str = "", batch_id: int | None = None) -> None:
    """Put refused labels into the queue, those seen most with the product that is most alike."""
    if not labels:
        return
    found = _matches([one.label for one in labels[:MATCHED_AT_ONCE]])
    _store([_with(one, found.get(one.label)) for one in labels], "import", source, batch_id)


@transaction.atomic
def suggest_aliases(
    *, alike: bool = True, dry_run: bool = False, progress: Progress | None = None
) -> Suggested:
    """Look for the product of each waiting label, and for products that look like another one.

    Args:
        alike: also compare the products with each other.
        dry_run: count only; nothing stays.

    Raises:
        ConflictError: somebody else is at it.
    """
    only_one("suggest", "Somebody is looking for suggestions right now.")
    labels, matched = _match_waiting(progress)
    products, pairs = _scan(progress) if alike else (0, [])
    _store(pairs, "scan", "", None)
    if dry_run:
        transaction.set_rollback(True)
    return Suggested(labels=labels, matched=matched, products=products, alike=len(pairs))


def _match_waiting(progress: Progress | None) -> tuple[int, int]:
    """Look anew for each label of refused lines that waits; return how many, and how many found."""
    waiting = list(
        LabelSuggestion.objects.pending()
        .filter(origin=LabelSuggestion.Origin.IMPORT)
        .order_by("pk")
        .values_list("label", flat=True)
    )
    matched = 0
    for first in range(0, len(waiting), _STEP):
        _tell(progress, first, len(waiting), "Looking for the products of labels")
        part = waiting[first : first + _STEP]
        found = _matches(part)
        matched += len(found)
        _store([_with(Label(label), found.get(label)) for label in part], "import", "", None)
    return len(waiting), matched


def _scan(progress: Progress | None) -> tuple[int, list[Label]]:
    """Compare the labels of active products; of two alike, the one sold less gets the proposal."""
    ids = list(Product.objects.recommendable().order_by("pk").values_list("pk", flat=True))
    pairs: dict[int, Label] = {}
    for first in range(0, len(ids), _STEP):
        _tell(progress, first, len(ids), "Comparing products")
        for other, key, label, product, its_label, similarity in _alike(ids[first : first + _STEP]):
            if other not in pairs and may_be_the_same(label, its_label):
                pairs[other] = Label(label, key, 0, other, product, similarity)
    return len(ids), list(pairs.values())


def _tell(progress: Progress | None, done: int, total: int, message: str) -> None:
    if progress is not None:
        progress(done, total, message)


def _with(label: Label, match: tuple[int, float] | None) -> Label:
    if match is None:
        return label
    return Label(label.label, label.key, label.lines, label.other, *match)


def _matches(labels: Sequence[str]) -> dict[str, tuple[int, float]]:
    """Return the most similar product of each label that has one, with the similarity."""
    with connection.cursor() as cursor:
        cursor.execute("select set_config('pg_trgm.word_similarity_threshold', '0.4', true)")
        cursor.execute(_BEST, {"labels": list(labels), "least": LEAST_SIMILARITY})
        return {label: (product, similarity) for label, product, similarity in cursor.fetchall()}


def _alike(ids: Sequence[int]) -> list[tuple[int, str, str, int, str, float]]:
    with connection.cursor() as cursor:
        cursor.execute("select set_config('pg_trgm.word_similarity_threshold', '0.7', true)")
        cursor.execute(_ALIKE, {"ids": list(ids), "least": LEAST_ALIKE})
        rows: list[tuple[int, str, str, int, str, float]] = cursor.fetchall()
        return rows


def _store(labels: Sequence[Label], origin: str, source: str, batch_id: int | None) -> None:
    """Write rows of the queue. Repeating changes nothing."""
    if not labels:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _QUEUE,
            {
                "labels": [one.label for one in labels],
                "keys": [one.key for one in labels],
                "lines": [one.lines for one in labels],
                "others": [one.other for one in labels],
                "products": [one.product for one in labels],
                "similarities": [one.similarity for one in labels],
                "origin": origin,
                "source": source,
                "batch": batch_id,
            },
        )


# The index over key and label narrows down; the labels alone decide. What was rejected for this
# label is not proposed again.
_BEST = """
select l.label, m.id, m.similarity
from unnest(%(labels)s::text[]) as l (label)
left join orders_labelsuggestion as s on s.normalized_label = lower(trim(l.label))
cross join lateral (
    select p.id, similarity(lower(p.label), lower(trim(l.label))) as similarity
    from orders_product as p
    where p.search_text %%> lower(trim(l.label)) and p.is_active
        and p.id is distinct from s.other_id
        and not p.id = any (coalesce(s.rejected_products, '{}'))
    order by similarity desc, p.popularity desc nulls last, p.key
    limit 1
) as m
where m.similarity >= %(least)s
"""

# Pairs of products, the less popular one first, so that the better known one is proposed.
_ALIKE = """
select o.id, o.key, o.label, m.id, m.label, m.similarity
from orders_product as o
left join orders_labelsuggestion as s on s.normalized_label = lower(trim(o.label))
cross join lateral (
    select p.id, p.label, similarity(lower(p.label), lower(o.label)) as similarity
    from orders_product as p
    where p.search_text %%> lower(o.label) and p.is_active and p.kind = 'product' and p.id <> o.id
        and (coalesce(p.popularity, 0), -p.id) > (coalesce(o.popularity, 0), -o.id)
        and not p.id = any (coalesce(s.rejected_products, '{}'))
    order by similarity desc, p.popularity desc nulls last, p.key
    limit 5
) as m
left join orders_productalias as a on a.normalized_label = lower(trim(o.label))
where o.id = any (%(ids)s) and m.similarity >= %(least)s and a.id is null
order by o.id, m.similarity desc
"""

_QUEUE = """
insert into orders_labelsuggestion as s
    (label, origin, source, key, seen, other_id, product_id, similarity, batch_id)
select distinct on (lower(trim(l.label)))
    l.label, %(origin)s, %(source)s, l.key, l.lines, l.other, l.product, l.similarity, %(batch)s
from unnest(
    %(labels)s::text[], %(keys)s::text[], %(lines)s::bigint[], %(others)s::bigint[],
    %(products)s::bigint[], %(similarities)s::float8[]
) as l (label, key, lines, other, product, similarity)
order by lower(trim(l.label)), l.lines desc, l.similarity desc nulls last, l.key
on conflict (normalized_label) do update set
    seen = greatest(s.seen, excluded.seen),
    last_seen_at = case when excluded.batch_id is null then s.last_seen_at else now() end,
    batch_id = coalesce(excluded.batch_id, s.batch_id),
    source = coalesce(nullif(excluded.source, ''), s.source),
    key = coalesce(nullif(s.key, ''), excluded.key),
    product_id = coalesce(excluded.product_id, s.product_id),
    similarity = coalesce(excluded.similarity, s.similarity),
    status = 'pending', decided_by_id = null, decided_at = null
where
    (
        s.status = 'pending'
        or (s.status = 'accepted' and excluded.batch_id is not null)
        or (
            s.status = 'rejected' and excluded.product_id is not null
            and not excluded.product_id = any (s.rejected_products)
            and excluded.similarity > coalesce(s.similarity, 0)
        )
    )
    and (
        excluded.batch_id is not null
        or (excluded.product_id, excluded.similarity) is distinct from (s.product_id, s.similarity)
    )
"""
