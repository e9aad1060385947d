"""What a writing request answered, so that its repetition answers the same and does nothing."""

from django.db import models
from django.db.models.functions import Now


class StoredResponse(models.Model):
    """The answer to one ``Idempotency-Key`` of one credential, kept for a day.

    It is written in the transaction of the change itself: either both happened, or neither.
    """

    credential = models.CharField(max_length=40, help_text="Like token:17 or user:3.")
    key = models.CharField(max_length=255)
    request_digest = models.CharField(
        max_length=64, help_text="SHA-256 of method, path and body: another request is refused."
    )
    status_code = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.TextField(help_text="The answer as JSON; empty where there was none.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["credential", "key"], name="stored_response_once"),
        ]
        indexes = [
            # Serves the removal of what is older than a day.
            models.Index(fields=["created_at"], name="stored_response_age"),
        ]

    def __str__(self) -> str:
        return f"{self.credential} {self.key[:20]}: {self.status_code}"
