"""Keep and find the answers to idempotent requests."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from crm_project.common.models import StoredResponse

KEPT = timedelta(hours=24)
_REMOVED_AT_ONCE = 200


def try_lock(*, credential: str, key: str) -> bool:
    """Take this key until the transaction ends; False: the same request is running right now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 7))", [f"{credential} {key}"]
        )
        return bool(cursor.fetchone()[0])


def find(*, credential: str, key: str) -> StoredResponse | None:
    """Return the answer given to this key within the last day."""
    return StoredResponse.objects.filter(
        credential=credential, key=key, created_at__gt=timezone.now() - KEPT
    ).first()


def store(
    *,
    credential: str,
    key: str,
    request_digest: str,
    status_code: int,
    headers: dict[str, Any],
    body: str,
) -> None:
    """Keep an answer, and drop some of those that are older than a day; the rest goes at night."""
    expired = StoredResponse.objects.filter(created_at__lte=timezone.now() - KEPT)
    StoredResponse.objects.filter(
        pk__in=list(expired.values_list("pk", flat=True)[:_REMOVED_AT_ONCE])
    ).delete()
    expired.filter(credential=credential, key=key).delete()
    StoredResponse.objects.bulk_create(
        [
            StoredResponse(
                credential=credential,
                key=key,
                request_digest=request_digest,
                status_code=status_code,
                headers=headers,
                body=body,
            )
        ],
        ignore_conflicts=True,
    )
