"""Who asks: one id, from a request over the tasks it starts to the database's own list of sessions.

A slow statement in PostgreSQL's log or in ``pg_stat_activity`` then leads to the lines that our
processes logged for the same request. The id stands in ``application_name``; telling the server
costs one short round trip for each request or task, and nothing for further statements.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from psycopg.pq import TransactionStatus
from structlog.contextvars import get_contextvars

NOBODY = "crm"
LONGEST = 63
"""PostgreSQL cuts names after so many bytes."""
HEADER = "crm_request_id"
"""Of a message to a worker."""

# What each connection's session is called, and whether a rollback would take that back.
_said: WeakKeyDictionary[Any, tuple[str, bool]] = WeakKeyDictionary()


def start() -> None:
    """Name the sessions of every connection that is made from now on."""
    connection_created.connect(_watch, dispatch_uid="crm tracing")


def request_id() -> str:
    """Return the id of the request that this work is for; empty: of none."""
    return str(get_contextvars().get("request_id", ""))


def session_name() -> str:
    """Return what the database's session should be called now: ``crm web ID``."""
    bound = get_contextvars()
    if task := bound.get("task"):
        asked_by = bound.get("request_id") or bound.get("task_id", "")
        return f"crm {str(task).rpartition('.')[2]} {asked_by}"[:LONGEST]
    return f"crm web {bound['request_id']}"[:LONGEST] if "request_id" in bound else NOBODY


def _watch(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if _tell not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _tell)


def _tell(
    execute: Callable[..., Any], query: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Tell the session's new name before the first statement of somebody else."""
    connection = context["connection"]
    raw, inside = connection.connection, connection.in_atomic_block
    name = session_name()
    said, revocable = _said.get(raw, ("", False))
    if (said != name or (revocable and not inside)) and _may_ask(raw):
        with raw.cursor() as cursor:
            cursor.execute("select set_config('application_name', %s, false)", [name])
        _said[raw] = (name, inside)
    return execute(query, params, many, context)


def _may_ask(raw: Any) -> bool:
    """Tell whether a statement could succeed: the connection lives, no error waits to be undone."""
    return not raw.closed and raw.info.transaction_status != TransactionStatus.INERROR
