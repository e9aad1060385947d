from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Compute the same profiles in less time."""

    dependencies = [("analytics", "0020_embedding_schedule")]

    operations = [
        run_sql_file("analytics", "profile_rows_v2.sql", reverse="profile_rows_v2.down.sql"),
    ]
