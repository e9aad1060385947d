from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Install the function that says whom we may contact."""

    dependencies = [
        ("recommendations", "0002_storage"),
        ("customers", "0004_contact_policy"),
    ]

    operations = [
        run_sql_file(
            "recommendations",
            "contactability_v1.sql",
            reverse="contactability_v1.down.sql",
        ),
    ]
