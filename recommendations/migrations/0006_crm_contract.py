from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Show runs, items, findings and outcomes in schema crm, under seed 002's names."""

    dependencies = [("recommendations", "0005_outcome_arms")]

    operations = [
        run_sql_file(
            "recommendations",
            "crm_recommendations_v1.sql",
            reverse="crm_recommendations_v1.down.sql",
        )
    ]
