from django.db import migrations

from crm_project.common.sql import run_sql_file

# In this order: later ones use earlier ones.
OBJECTS = ["reco_storage_v1", "reco_publish_v1"]


class Migration(migrations.Migration):
    """Install the storage of the runs, and the functions that fill and show it."""

    dependencies = [
        ("recommendations", "0001_models"),
        ("analytics", "0022_segment_statistics"),
    ]

    operations = [
        run_sql_file("recommendations", f"{name}.sql", reverse=f"{name}.down.sql")
        for name in OBJECTS
    ]
