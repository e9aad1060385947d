from django.db import migrations

from crm_project.common.sql import run_sql_file

OBJECTS = [
    "crm_signals_v1",
    "crm_events_v1",
    "app_schema_v1",
    "crm_pg_stat_statements_v1",
    "signals_by_day_v1",
    "signal_scores_v1",
]


class Migration(migrations.Migration):
    """Install what reads signals: views in schema crm, schema app_schema, counts and scores."""

    dependencies = [("analytics", "0009_search")]

    operations = [
        run_sql_file("analytics", f"{name}.sql", reverse=f"{name}.down.sql") for name in OBJECTS
    ]
