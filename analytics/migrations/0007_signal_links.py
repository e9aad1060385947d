from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Link signals in the transaction that makes, renames, merges or removes what they name."""

    dependencies = [("analytics", "0006_default_signal_types")]

    operations = [
        run_sql_file("analytics", "signal_links_v1.sql", reverse="signal_links_v1.down.sql")
    ]
