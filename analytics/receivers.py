"""What analytics does when the database has been migrated (or a test has emptied it)."""

from typing import Any

from django.db import connection

from analytics.services.segments import install_defaults
from analytics.services.signal_types import install_default_types
from analytics.services.zone import store_business_zone


def set_up(*, using: str, plan: Any = None, **_: Any) -> None:
    """Install the default segments and signal types where there are none, and the business zone.

    Migrations install them too; this also serves after ``flush``, which empties every table.
    """
    if using != "default" or _backwards(plan) or not _is_there():
        return
    install_defaults()
    install_default_types()
    store_business_zone(using=using)


def _is_there() -> bool:
    """Whether our migrations are applied: `migrate` may have been asked for another app only."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select to_regprocedure('crm_private.set_business_zone(text)') is not null"
            " and to_regclass('public.analytics_signaltype') is not null"
        )
        return bool(cursor.fetchone()[0])


def _backwards(plan: Any) -> bool:
    """Whether migrations were taken back: then our tables may be gone."""
    return any(backwards for _, backwards in plan or ())
