from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Sum up what followed a contact once, whatever the planner believes."""

    dependencies = [("recommendations", "0017_decisions_stay")]

    operations = [
        run_sql_file("recommendations", "outcomes_v4.sql", reverse="outcomes_v4.down.sql"),
    ]
