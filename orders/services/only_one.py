"""Let one process at a time do a piece of work."""

from django.db import connection

from crm_project.common.exceptions import ConflictError


def only_one(name: str, words: str) -> None:
    """Take the lock of that name until the transaction ends.

    Raises:
        ConflictError: another process holds it; ``words`` say what that one is doing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"orders:{name}"]
        )
        if not cursor.fetchone()[0]:
            raise ConflictError(words)
