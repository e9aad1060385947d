"""What people decide about labels in the queue: accept, reject, look again. All ids or none."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Lower, Trim
from django.utils import timezone

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import User
from orders.models import LabelSuggestion, Product, ProductAlias
from orders.services.products import retire_product

Status = LabelSuggestion.Status
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision. ``batches``: imports whose refused lines may be taken now."""

    suggestions: Sequence[LabelSuggestion]
    batches: Sequence[int] = ()


@transaction.atomic
def accept(
    *,
    ids: Collection[int],
    user: User | None,
    product: Product | None = None,
    retire: bool = False,
) -> Decided:
    """Say that these labels belong to their products: each becomes an alias.

    Args:
        product: the product that is meant, instead of the proposed one.
        retire: where two products are alike, also take the other one out of the offer.

    Raises:
        ConflictError: somebody has decided already, or the label is another product's alias.
        CrmError: no product is proposed and none given, or the label is the product's own.
    """
    rows = _waiting(ids)
    for row in rows:
        chosen = product or row.product
        if chosen is None:
            raise CrmError(f"No product is alike {row.label!r}: say which one is meant.")
        if chosen.pk == row.other_id:
            raise CrmError(f"{row.label!r} is this product's own label.")
        _alias(row.label, chosen)
        row.product = chosen
        _decide(row, Status.ACCEPTED, user)
        if retire and row.other_id:
            retire_product(product_id=row.other_id)
    return Decided(rows, sorted({row.batch_id for row in rows if row.batch_id}))


@transaction.atomic
def reject(*, ids: Collection[int], user: User | None) -> Decided:
    """Say that these labels do not belong to the proposed products. It is remembered.

    Raises:
        ConflictError: somebody has decided already.
    """
    rows = _waiting(ids)
    for row in rows:
        if row.product_id and row.product_id not in row.rejected_products:
            row.rejected_products.append(row.product_id)
        _decide(row, Status.REJECTED, user)
    return Decided(rows)


@transaction.atomic
def reopen(*, ids: Collection[int]) -> Decided:
    """Let rejected labels wait again, for a person who wants to decide anew.

    Raises:
        ConflictError: one of them is not rejected. An accepted label is undone by deleting its
            alias; the next import that meets it puts it into the queue again.
    """
    rows = _locked(ids)
    for row in rows:
        if row.status != Status.REJECTED:
            raise ConflictError(f"{row.label!r} is {row.status}; only a rejected label is opened.")
        if row.product_id in row.rejected_products:
            row.rejected_products.remove(row.product_id)
        row.status, row.decided_by, row.decided_at = Status.PENDING, None, None
        row.save(update_fields=["status", "decided_by", "decided_at", "rejected_products"])
    return Decided(rows)


def _locked(ids: Collection[int]) -> list[LabelSuggestion]:
    if not ids or len(ids) > MOST_AT_ONCE:
        raise CrmError(f"Choose 1 to {MOST_AT_ONCE} labels at once.")
    found = LabelSuggestion.objects.filter(pk__in=ids).order_by("pk").select_related("product")
    rows = list(found.select_for_update(of=("self",)))
    if len(rows) < len(set(ids)):
        raise CrmError("One of these labels no longer exists. Read the list again.")
    return rows


def _waiting(ids: Collection[int]) -> list[LabelSuggestion]:
    rows = _locked(ids)
    for row in rows:
        if row.status != Status.PENDING:
            raise ConflictError(f"{row.label!r} was {row.status} already. Read the list again.")
    return rows


def _alias(label: str, product: Product) -> None:
    known = ProductAlias.objects.select_related("product").filter(
        normalized_label=Lower(Trim(Value(label)))
    )
    alias = known.first()
    if alias is None:
        ProductAlias.objects.create(label=label.strip(), product=product)
    elif alias.product_id != product.pk:
        raise ConflictError(f"{label!r} is an alias of {alias.product.key} already.")


def _decide(row: LabelSuggestion, status: Status, user: User | None) -> None:
    row.status, row.decided_by, row.decided_at = status, user, timezone.now()
    row.save(update_fields=["status", "decided_by", "decided_at", "product", "rejected_products"])
