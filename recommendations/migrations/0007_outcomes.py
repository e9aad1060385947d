from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Install the functions that find what followed a contact, in both arms."""

    dependencies = [
        ("recommendations", "0006_crm_contract"),
        ("customers", "0004_contact_policy"),
    ]

    operations = [
        run_sql_file("recommendations", f"{name}.sql", reverse=f"{name}.down.sql")
        for name in ("outcomes_v1", "uplift_v1")
    ]
