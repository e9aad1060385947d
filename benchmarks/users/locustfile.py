"""What locust runs: the users, and a note of every answer. No Django, only HTTP.

Every answer is noted as one line: when it came, kind, name, milliseconds, what was wrong. Kinds:
``login`` (a form of signing in), ``page``, ``save`` (a form sent), ``read`` (API), ``same`` (API,
nothing new since last time: 304), ``write`` (API), ``user`` (somebody who could not go on).
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from locust import events

from benchmarks.users.staff import Staff
from benchmarks.users.systems import System

__all__ = ["Staff", "System"]

_notes = Path(os.environ["CRM_LOAD_NOTES"]).open("w", buffering=1 << 16)  # noqa: SIM115 - to the end


@events.request.add_listener
def note(request_type: str, name: str, response_time: float, exception: Any, **other: Any) -> None:
    """Write one answer down."""
    line = [time.time(), request_type, name, response_time, str(exception or "")[:200]]
    _notes.write(json.dumps(line) + "\n")


@events.user_error.add_listener
def stumble(user_instance: Any, exception: Any, **other: Any) -> None:
    """Count a user who could not go on as an error, too."""
    note("user", type(user_instance).__name__, 0.0, repr(exception))


@events.quit.add_listener
def close(**other: Any) -> None:
    """Write what is still in memory."""
    _notes.close()
