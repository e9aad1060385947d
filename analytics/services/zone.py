"""Keep the business time zone where the database's views see it."""

from django.conf import settings
from django.db import connections


def store_business_zone(*, using: str = "default") -> None:
    """Tell the views which zone local days and months are in: ``CRM_TIME_ZONE``."""
    with connections[using].cursor() as cursor:
        cursor.execute("select crm_private.set_business_zone(%s)", [settings.TIME_ZONE])
