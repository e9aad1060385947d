"""What a form needs to let people put a rule together: fields, their questions and their values."""

from dataclasses import dataclass

from analytics.scoring.segment_fields import (
    NO_VALUE,
    SEVERAL,
    Choice,
    Field,
    Group,
    Kind,
    Operator,
    Registry,
)
from analytics.scoring.segment_words import question


@dataclass(frozen=True, slots=True)
class Question:
    """One question about a field. ``takes`` is how many values: 0, 1, 2, or -1 for any number."""

    operator: Operator
    words: str
    takes: int


@dataclass(frozen=True, slots=True)
class Offer:
    """One field as a form shows it; for a flag without choices, ``yes`` and ``no`` are given."""

    name: str
    label: str
    group: Group
    kind: Kind
    unit: str
    help: str
    step: str
    minimum: int | None
    maximum: int | None
    choices: tuple[Choice, ...]
    questions: tuple[Question, ...]


def takes(operator: Operator) -> int:
    """Return how many values a question takes; -1 is one or more.

    >>> takes(Operator.IS_KNOWN), takes(Operator.BETWEEN), takes(Operator.ONE_OF)
    (0, 2, -1)
    """
    if operator in NO_VALUE:
        return 0
    if operator in SEVERAL:
        return -1
    return 2 if operator is Operator.BETWEEN else 1


def offers(registry: Registry) -> dict[Group, tuple[Offer, ...]]:
    """Return the fields by group, each group and field in the order of the registry."""
    found: dict[Group, tuple[Offer, ...]] = {}
    for field in registry.values():
        found[field.group] = (*found.get(field.group, ()), _offer(field))
    return found


def _offer(field: Field) -> Offer:
    flag = (Choice("true", "yes"), Choice("false", "no")) if field.kind is Kind.FLAG else ()
    return Offer(
        name=field.name,
        label=field.label,
        group=field.group,
        kind=field.kind,
        unit=field.unit,
        help=field.help or ("Write 0.25 for 25 %." if field.unit == "%" else ""),
        step=f"{10**-field.decimals:.{field.decimals}f}",
        minimum=field.minimum,
        maximum=field.maximum,
        choices=field.choices or flag,
        questions=tuple(
            Question(operator, question(field, operator), takes(operator))
            for operator in field.operators
        ),
    )
