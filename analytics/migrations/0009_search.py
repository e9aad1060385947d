from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Install the search: its words, its indexes, and the gathering of words that exist."""

    dependencies = [
        ("analytics", "0008_signal_reports"),
        ("common", "0002_extensions"),
    ]

    operations = [run_sql_file("analytics", "search_v1.sql", reverse="search_v1.down.sql")]
