from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Hold the kinds of signals to their list, and let the planner know all months together."""

    dependencies = [("analytics", "0021_search_by_partition")]

    operations = [
        run_sql_file("analytics", "signal_storage_v2.sql", reverse="signal_storage_v2.down.sql")
    ]
