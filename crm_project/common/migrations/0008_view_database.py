from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("common", "0007_backup_schedules")]

    operations = [
        migrations.AlterModelOptions(
            name="refreshstate",
            options={
                "ordering": ["-started_at"],
                "permissions": [("view_database", "Can see how the database is doing")],
            },
        )
    ]
