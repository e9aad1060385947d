from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Let the planner know what rules of saved segments ask about customers."""

    dependencies = [
        ("analytics", "0021_profile_rows_v2"),
        ("customers", "0003_contact_newest"),
    ]

    operations = [
        run_sql_file(
            "analytics", "segment_statistics_v1.sql", reverse="segment_statistics_v1.down.sql"
        ),
    ]
