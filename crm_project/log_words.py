"""What a line of the log says of a failure: where and of what kind, and nobody's data.

PostgreSQL quotes what it was given (``Key (email)=(…) already exists``, ``invalid input syntax
for type integer: "…"``), so the words of its errors stay out; their code and the names of what
they are about (constraint, table, column) are the same for everybody.
"""

import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

Line = MutableMapping[str, Any]
Caught = tuple[type[BaseException], BaseException, TracebackType | None]

_OF_DATABASES = ("psycopg", "django.db")
# No value was given to a server that could not be asked.
_HARMLESS = ("OperationalError", "InterfaceError", "PoolTimeout", "ConnectionTimeout")
_NAMES = ("constraint_name", "table_name", "column_name", "datatype_name")


def words_of(error: BaseException) -> str:
    """Return what an error says, or of a database's error what it may."""
    kind = type(error)
    said = str(error)
    if kind.__module__.startswith(_OF_DATABASES) and kind.__name__ not in _HARMLESS:
        said = _withheld(error)
    return f"{kind.__module__}.{kind.__qualname__}: {said}".removeprefix("builtins.")


def _withheld(error: BaseException) -> str:
    # Django's error is a wrapper; what the server told hangs on the one that it wraps.
    told: Any = error if hasattr(error, "diag") else error.__cause__
    found = [f"code {told.sqlstate}"] if getattr(told, "sqlstate", None) else []
    diag = getattr(told, "diag", None)
    found += [
        f"{name.partition('_')[0]} {value}" for name in _NAMES if (value := getattr(diag, name, ""))
    ]
    return f"(words withheld; {', '.join(found) or 'nothing more is known'})"


def exception_text(exc_info: Caught) -> str:
    """Return a traceback as Python shows it, with the words of ``words_of``."""
    error: BaseException | None = exc_info[1]
    parts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        lines = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{lines}{words_of(error)}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nwhich led to:\n\n".join(reversed(parts))


def of_its_request(logger: Any, method: str, line: Line) -> Line:
    """Add the id of the request that Django logs about, when the request is over already."""
    request = getattr(line.get("_record"), "request", None)
    meta = getattr(request, "META", None)
    if "request_id" not in line and isinstance(meta, dict) and meta.get("crm.request_id"):
        line["request_id"] = meta["crm.request_id"]
    return line


def task_without_data(logger: Any, method: str, line: Line) -> Line:
    """Say of a task that failed what ``words_of`` says: Celery writes the error into its line."""
    record, args = line.get("_record"), line.pop("positional_args", None)
    if record is not None and isinstance(args, dict) and "exc" in args:
        error = (record.exc_info or sys.exc_info())[1]
        said = words_of(error) if error else "an error"
        line["event"] = str(record.msg) % {**args, "exc": said, "traceback": ""}
    return line
