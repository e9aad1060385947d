"""Settings read from JSON into dataclasses, with all that is wrong with them in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

NESTED = ("acceptance", "segment_multipliers")
"""Named numbers, of which some stand one level deeper."""

SIGNED = "chance."
"""Below this, numbers may be below 0."""


class Reader:
    """Reads values into dataclasses and adds what is wrong with them to ``problems``.

    ``choices``: path of a text → what it may be.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        problems: list[str],
        choices: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.values = values
        self.problems = problems
        self.choices = choices

    def read(self, kind: type[Any], path: str) -> Any:
        default = kind()
        known = {spec.name for spec in fields(kind)}
        for name in sorted(set(self.values) - known):
            self.problems.append(f'"{path}{name}" is not a setting.')
        given = {
            name: self._value(f"{path}{name}", self.values[name], getattr(default, name))
            for name in known & set(self.values)
        }
        return kind(**given)

    def _value(self, path: str, value: Any, default: Any) -> Any:
        if is_dataclass(default) and not isinstance(default, type):
            return self._nested(path, value, type(default))
        if isinstance(default, tuple):
            return self._plans(path, value, default)
        if isinstance(default, Mapping):
            return self._mapping(path, value, default)
        return self._scalar(path, value, default)

    def _nested(self, path: str, value: Any, kind: type[Any]) -> Any:
        if not isinstance(value, Mapping):
            self.problems.append(f'"{path}" must hold named settings.')
            return kind()
        return Reader(value, self.problems, self.choices).read(kind, f"{path}.")

    def _plans(self, path: str, value: Any, default: tuple[Any, ...]) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not value:
            self.problems.append(f'"{path}" must be a list of at least one plan.')
            return default
        kind = type(default[0])
        return tuple(
            self._nested(f"{path}.{place}", plan, kind) for place, plan in enumerate(value)
        )

    def _mapping(self, path: str, value: Any, default: Mapping[str, Any]) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self.problems.append(f'"{path}" must hold named numbers.')
            return default
        numbers = {
            str(name): self._mapping(f"{path}.{name}", part, {})
            if path in NESTED and isinstance(part, Mapping)
            else self._scalar(f"{path}.{name}", part, 0.0)
            for name, part in value.items()
        }
        return {**default, **numbers}

    def _scalar(self, path: str, value: Any, default: Any) -> Any:
        if isinstance(default, bool):
            if not isinstance(value, bool):
                self.problems.append(f'"{path}" must be true or false.')
                return default
            return value
        if isinstance(default, str):
            if value not in self.choices[path]:
                self.problems.append(f'"{path}" must be one of {", ".join(self.choices[path])}.')
                return default
            return value
        return self._number(path, value, default)

    def _number(self, path: str, value: Any, default: float) -> float:
        whole = isinstance(default, int)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
            self.problems.append(f'"{path}" must be a number.')
        elif whole and value != int(value):
            self.problems.append(f'"{path}" must be a whole number.')
        elif value < 0 and not path.startswith(SIGNED):
            self.problems.append(f'"{path}" must not be below 0.')
        else:
            return int(value) if whole else float(value)
        return default
