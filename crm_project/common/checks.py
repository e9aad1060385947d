"""Refuse a bad configuration at start, each mistake with a number and a hint."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register


@register("crm")
def production_is_safe(**kwargs: Any) -> list[Error]:
    """With ``CRM_ENV=production`` nothing that is meant for development may be in use."""
    if settings.CRM_ENV not in {"development", "production", "test"}:
        return [
            Error(
                f"CRM_ENV is {settings.CRM_ENV!r}.",
                hint="Set CRM_ENV to development, test or production.",
                id="crm.E001",
            )
        ]
    if not settings.PRODUCTION:
        return []
    rules = [
        (
            settings.SECRET_KEY == settings.DEFAULT_SECRET_KEY,
            "The default secret key is in use.",
            "Set DJANGO_SECRET_KEY (or DJANGO_SECRET_KEY_FILE) to 50 random characters.",
            "crm.E002",
        ),
        (settings.DEBUG, "DEBUG is on.", "Unset DJANGO_DEBUG.", "crm.E003"),
        (
            settings.EMBEDDED_POSTGRES,
            "The embedded PostgreSQL is not for production.",
            "Set DATABASE_URL or POSTGRES_HOST: a PostgreSQL 18 server with the vector extension.",
            "crm.E004",
        ),
        (
            settings.EMBEDDED_VALKEY,
            "The embedded Valkey is not for production.",
            "Set REDIS_URL to a Valkey or Redis server with appendfsync always.",
            "crm.E005",
        ),
        (
            not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS,
            "The host names of this site are not set.",
            "Set DJANGO_ALLOWED_HOSTS to the names that browsers use, separated by commas.",
            "crm.E006",
        ),
    ]
    return [Error(what, hint=hint, id=number) for wrong, what, hint, number in rules if wrong]
