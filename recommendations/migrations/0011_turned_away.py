from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Count those who asked not to be written to any more, also while their block has no end."""

    dependencies = [("recommendations", "0010_reco_schedules")]

    operations = [
        run_sql_file(
            "recommendations", "turned_away_v2.sql", reverse="turned_away_v2.down.sql"
        ),
    ]
