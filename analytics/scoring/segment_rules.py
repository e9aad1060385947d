"""The rule of a saved segment: JSON in, a checked tree out, and one canonical form of it.

A rule is ``{"and": [...]}``, ``{"or": [...]}``, ``{"not": ...}`` or a condition
``{"field": ..., "operator": ..., "value": ...}``.

Logic has three values. A condition on a value that is not known is neither true nor false, and so
is its ``not``; ``and`` and ``or`` follow Kleene as in SQL. Only customers for whom the whole rule
is true are in the segment: nobody enters it for what is not known, unless the rule asks
``is_unknown``.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import NoReturn

from analytics.scoring.segment_fields import (
    NO_VALUE,
    SEVERAL,
    Field,
    Operator,
    Registry,
)
from analytics.scoring.segment_values import Refusal, Scalar, Value, read_scalar, to_json

MAX_DEPTH = 8
"""Levels of groups, conditions included."""
MAX_NODES = 200
"""Groups and conditions in a rule."""
MAX_VALUES = 200
"""Values in one condition."""
MAX_JSON = 200_000
"""Characters of a rule as text."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One question about one field."""

    field: Field
    operator: Operator
    value: Value = None


@dataclass(frozen=True, slots=True)
class All:
    """True if each part is."""

    parts: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True if at least one part is."""

    parts: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True if the part is false; unknown if the part is."""

    part: "Rule"


Rule = Condition | All | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (a JSON pointer, RFC 6901), a code, and a sentence."""

    path: str
    code: str
    words: str


class RuleError(ValueError):
    """The rule cannot be used; ``problems`` says everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(problem.words for problem in self.problems))


def parse(document: object, registry: Registry) -> Rule:
    """Return the rule that decoded JSON describes.

    Raises ``RuleError`` with every problem found, and nothing else, whatever comes in.
    """
    reader = _Reader(registry)
    rule = reader.rule(document, "", 1)
    if reader.problems or rule is None:
        raise RuleError(reader.problems)
    return rule


def parse_text(text: str, registry: Registry) -> Rule:
    """Return the rule that JSON text describes; raises ``RuleError`` like ``parse``."""
    if len(text) > MAX_JSON:
        raise RuleError([Problem("", "too_large", f"Use at most {MAX_JSON:,} characters.")])
    try:
        document = json.loads(text, object_pairs_hook=_no_doubles, parse_constant=_refused)
    except (ValueError, RecursionError):
        problem = Problem("", "not_json", "This is not JSON, or a key is given twice in it.")
        raise RuleError([problem]) from None
    return parse(document, registry)


def _no_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError
    return found


def _refused(_constant: str) -> NoReturn:
    raise ValueError


class _Reader:
    """Walks a document once, collects what is wrong, and never goes deeper than allowed."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.problems: list[Problem] = []
        self.nodes = 0

    def wrong(self, path: str, code: str, words: str) -> None:
        self.problems.append(Problem(path, code, words))

    def rule(self, node: object, path: str, depth: int) -> Rule | None:
        self.nodes += 1
        if self.nodes == MAX_NODES + 1:
            self.wrong(path, "too_large", f"Use at most {MAX_NODES} groups and conditions.")
        if self.nodes > MAX_NODES:
            return None
        if depth > MAX_DEPTH:
            self.wrong(path, "too_deep", f"Nest at most {MAX_DEPTH} levels.")
            return None
        if not isinstance(node, dict):
            self.wrong(path, "not_a_rule", "Give a group (and, or, not) or a condition.")
            return None
        groups = [key for key in ("and", "or", "not") if key in node]
        if not groups:
            return self.condition(node, path)
        if len(node) > 1:
            self.wrong(path, "mixed", f"A group has only one key, here “{groups[0]}”.")
        key = groups[0]
        if key == "not":
            part = self.rule(node[key], f"{path}/not", depth + 1)
            return None if part is None else Not(part)
        return self.group(All if key == "and" else AnyOf, node[key], f"{path}/{key}", depth)

    def group(
        self, form: Callable[[tuple[Rule, ...]], Rule], nodes: object, path: str, depth: int
    ) -> Rule | None:
        if not isinstance(nodes, list):
            self.wrong(path, "not_a_list", "A group holds a list of groups and conditions.")
            return None
        if not nodes:
            self.wrong(path, "empty", "A group needs at least one condition.")
            return None
        # One more than allowed, so that the last one says that there are too many.
        parts = [
            self.rule(node, f"{path}/{place}", depth + 1)
            for place, node in enumerate(nodes[: MAX_NODES + 1])
        ]
        return form(tuple(part for part in parts if part is not None))

    def condition(self, node: dict[object, object], path: str) -> Rule | None:
        if not node.keys() <= {"field", "operator", "value"}:
            self.wrong(path, "unknown_key", "A condition has field, operator and value only.")
        field = self.field(node.get("field"), f"{path}/field")
        if field is None:
            return None
        operator = self.operator(field, node.get("operator"), f"{path}/operator")
        if operator is None:
            return None
        if operator in NO_VALUE:
            if node.get("value") is not None:
                self.wrong(f"{path}/value", "no_value", "This question takes no value.")
            return Condition(field, operator)
        if operator in SEVERAL or operator is Operator.BETWEEN:
            several = self.several(field, operator, node.get("value"), f"{path}/value")
            return None if several is None else Condition(field, operator, several)
        value = self.scalar(field, node.get("value"), f"{path}/value")
        return None if value is None else Condition(field, operator, value)

    def field(self, name: object, path: str) -> Field | None:
        field = self.registry.get(name) if isinstance(name, str) else None
        if field is None:
            shown = f"“{name[:60]}”" if isinstance(name, str) else "This"
            self.wrong(path, "unknown_field", f"{_printable(shown)} is not a field of a rule.")
        return field

    def operator(self, field: Field, name: object, path: str) -> Operator | None:
        for operator in field.operators:
            if isinstance(name, str) and name == operator.value:
                return operator
        allowed = ", ".join(operator.value for operator in field.operators)
        self.wrong(path, "bad_operator", f"For “{field.label}” use one of: {allowed}.")
        return None

    def scalar(self, field: Field, raw: object, path: str) -> Scalar | None:
        value = read_scalar(field, raw)
        if isinstance(value, Refusal):
            self.wrong(path, value.code, _printable(value.words))
            return None
        return value

    def several(
        self, field: Field, operator: Operator, raw: object, path: str
    ) -> tuple[Scalar, ...] | None:
        two = operator is Operator.BETWEEN
        if not isinstance(raw, list) or not raw or (two and len(raw) != 2):
            words = "Give two values: from and to." if two else "Give a list of values."
            self.wrong(path, "not_a_list", words)
            return None
        if len(raw) > MAX_VALUES:
            self.wrong(path, "too_many", f"Give at most {MAX_VALUES} values.")
            return None
        read = [self.scalar(field, each, f"{path}/{place}") for place, each in enumerate(raw)]
        values = tuple(value for value in read if value is not None)
        if two and len(values) == 2 and values[0] > values[1]:  # type: ignore[operator]
            self.wrong(path, "reversed", "The first value must not be above the second.")
        return values


def _printable(words: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in words)


def as_json(rule: Rule) -> dict[str, object]:
    """Return the rule as it was written, for storing; ``parse`` gives an equal rule again."""
    match rule:
        case All(parts):
            return {"and": [as_json(part) for part in parts]}
        case AnyOf(parts):
            return {"or": [as_json(part) for part in parts]}
        case Not(part):
            return {"not": as_json(part)}
        case Condition(field, operator, value):
            asked: dict[str, object] = {"field": field.name, "operator": operator.value}
            return asked if operator in NO_VALUE else {**asked, "value": to_json(value)}


def normalised(rule: Rule) -> Rule:
    """Return the plainest rule with the same answers; rules differing only in order become equal.

    Groups in a group of their kind are merged, doubles dropped, a double ``not`` removed.
    """
    match rule:
        case Not(Not(part)):
            return normalised(part)
        case Not(part):
            plain = normalised(part)
            # Taking the part apart can bring another ``not`` to the top.
            return plain.part if isinstance(plain, Not) else Not(plain)
        case All(parts):
            return _plain_group(All, parts)
        case AnyOf(parts):
            return _plain_group(AnyOf, parts)
        case Condition(field, operator, value) if operator in SEVERAL and isinstance(value, tuple):
            return _plain_set(field, operator, tuple(sorted(set(value), key=str)))
    return rule


def _plain_set(field: Field, operator: Operator, values: tuple[Scalar, ...]) -> Condition:
    single = {Operator.ONE_OF: Operator.IS, Operator.NONE_OF: Operator.IS_NOT}.get(operator)
    if single is not None and len(values) == 1:
        return Condition(field, single, values[0])
    return Condition(field, operator, values)


def _plain_group(form: type[All] | type[AnyOf], parts: tuple[Rule, ...]) -> Rule:
    found: dict[str, Rule] = {}
    for part in map(normalised, parts):
        inner = part.parts if isinstance(part, form) else (part,)
        found.update((_dumped(each), each) for each in inner)
    ordered = tuple(found[text] for text in sorted(found))
    return ordered[0] if len(ordered) == 1 else form(ordered)


def _dumped(rule: Rule) -> str:
    return json.dumps(as_json(rule), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def canonical_json(rule: Rule) -> str:
    """Return the one JSON text of this rule and of all that differ from it only in writing."""
    return _dumped(normalised(rule))


def rule_hash(rule: Rule) -> str:
    """Name a rule by its content, in 64 hex digits."""
    return sha256(canonical_json(rule).encode()).hexdigest()
