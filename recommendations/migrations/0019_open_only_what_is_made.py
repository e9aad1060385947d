from django.db import migrations

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):
    """Drop no tables of a run that is made already."""

    dependencies = [("recommendations", "0018_outcomes_made_once")]

    operations = [
        run_sql_file("recommendations", "reco_open_v2.sql", reverse="reco_open_v2.down.sql"),
    ]
