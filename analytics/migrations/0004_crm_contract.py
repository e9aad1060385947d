from django.db import migrations

from crm_project.common.sql import run_sql_file

OBJECTS = [
    "crm_schema_v1",
    "crm_customers_v1",
    "crm_orders_v1",
    "crm_products_v1",
    "crm_users_v1",
    "crm_catalogue_v1",
    "crm_rfm_v1",
]


class Migration(migrations.Migration):
    """Install the SQL contract: schema crm."""

    dependencies = [("analytics", "0003_default_segments")]

    operations = [
        run_sql_file("analytics", f"{name}.sql", reverse=f"{name}.down.sql") for name in OBJECTS
    ]
