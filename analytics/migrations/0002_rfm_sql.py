from django.db import migrations

from crm_project.common.sql import run_sql_file

# In this order: later ones use earlier ones.
OBJECTS = [
    "business_zone_v1",
    "rfm_storage_v1",
    "rfm_gather_v1",
    "rfm_cuts_v1",
    "rfm_fill_v1",
    "rfm_publish_v1",
    "rfm_movement_v1",
    "segment_summary_v1",
    "rfm_grid_v1",
    "revenue_by_month_v1",
    "refresh_v1",
]


class Migration(migrations.Migration):
    """Install the scores' storage, the functions of a run, and the dashboard's views."""

    dependencies = [
        ("analytics", "0001_initial"),
        ("customers", "0001_initial"),
        ("orders", "0002_totals_storage"),
    ]

    operations = [
        run_sql_file("analytics", f"{name}.sql", reverse=f"{name}.down.sql") for name in OBJECTS
    ]
