from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Say whom we may contact in a small part of the time."""

    dependencies = [("recommendations", "0008_export_files")]

    operations = [
        run_sql_file(
            "recommendations",
            "contactability_v2.sql",
            reverse="contactability_v2.down.sql",
        ),
    ]
