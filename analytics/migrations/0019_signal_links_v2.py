from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Link the signals of very many new customers in one pass over those that are unresolved."""

    dependencies = [("analytics", "0018_signal_reading_v2")]

    operations = [
        run_sql_file("analytics", "signal_links_v2.sql", reverse="signal_links_v2.down.sql")
    ]
