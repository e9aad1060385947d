from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Take what came back of orders without lines off once."""

    dependencies = [("recommendations", "0015_private_functions")]

    operations = [
        run_sql_file("recommendations", "outcomes_v3.sql", reverse="outcomes_v3.down.sql"),
    ]
