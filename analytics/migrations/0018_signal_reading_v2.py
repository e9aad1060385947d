from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Search older signals month by month; count many customers' days in one pass."""

    dependencies = [("analytics", "0017_signal_partitions")]

    operations = [
        run_sql_file("analytics", "search_v2.sql", reverse="search_v2.down.sql"),
        run_sql_file("analytics", "signals_by_day_v2.sql", reverse="signals_by_day_v2.down.sql"),
    ]
