"""Customers by score code of the current run."""

from django.db import connection

from analytics.models import RfmGrid, RfmRun


def counts_by_code(*, run: RfmRun) -> dict[str, int]:
    """Return customers by code; empty until the dashboard's numbers describe this run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select relispopulated from pg_class where oid = %s::regclass",
            [RfmGrid._meta.db_table],
        )
        if not cursor.fetchone()[0]:
            return {}
    return dict(RfmGrid.objects.filter(run=run).values_list("code", "customers"))
