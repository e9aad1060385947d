from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Search older signals partition by partition."""

    dependencies = [("analytics", "0020_signal_numbers")]

    operations = [run_sql_file("analytics", "search_v3.sql", reverse="search_v3.down.sql")]
