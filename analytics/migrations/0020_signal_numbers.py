from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Read amounts of signals faster."""

    dependencies = [("analytics", "0019_signal_links_v2")]

    operations = [
        run_sql_file("analytics", "crm_signals_v2.sql", reverse="crm_signals_v2.down.sql")
    ]
