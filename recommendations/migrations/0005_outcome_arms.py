from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Install the function that draws arms and stores them."""

    dependencies = [("recommendations", "0004_outcome_windows")]

    operations = [
        run_sql_file(
            "recommendations", "assignments_v1.sql", reverse="assignments_v1.down.sql"
        ),
    ]
