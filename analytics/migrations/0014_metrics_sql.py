from django.db import migrations

from crm_project.common.sql import run_sql_file

# In this order: later ones use earlier ones.
OBJECTS = ["metrics_storage_v1", "metrics_publish_v1", "crm_user_metrics_v1"]


class Migration(migrations.Migration):
    """Install the predictions' storage, the functions of a run, and crm.user_metrics."""

    dependencies = [("analytics", "0013_metrics_models")]

    operations = [
        run_sql_file("analytics", f"{name}.sql", reverse=f"{name}.down.sql") for name in OBJECTS
    ]
