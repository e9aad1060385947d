"""Credentials of other systems. The secret is shown once and stored as a digest only."""

from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> Self:
        """Tokens that are neither revoked nor expired, of users who are still active."""
        now = timezone.now()
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now),
            revoked_at__isnull=True,
            user__is_active=True,
        )


class ApiToken(models.Model):
    """A bearer credential ``crm_<prefix>_<secret>`` with scopes ``resource:action``.

    An empty list of scopes grants nothing.
    """

    name = models.CharField(max_length=100, help_text="What uses this token, in your words.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        help_text="Changes made with the token are recorded under this user.",
    )
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(
        max_length=64, editable=False, help_text="SHA-256 of the whole token, in hex."
    )
    scopes = ArrayField(
        models.CharField(max_length=50),
        default=list,
        blank=True,
        help_text="Like customers:read, imports:write. An empty list grants nothing.",
    )
    rate = models.CharField(
        max_length=20,
        blank=True,
        help_text="Requests allowed, like 600/min. Empty: the server's default.",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} (crm_{self.prefix}_…)"
