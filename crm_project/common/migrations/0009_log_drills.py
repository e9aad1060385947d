from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("common", "0008_view_database")]

    operations = [
        migrations.AddField(
            "drillrun",
            "archived_seconds",
            models.FloatField(
                blank=True,
                null=True,
                help_text="What was written had left the server after so long.",
            ),
        ),
        migrations.AddField(
            "drillrun",
            "kind",
            models.CharField(
                choices=[("copy", "Backup"), ("log", "Archive of the log")],
                default="copy",
                db_default="copy",
                max_length=4,
            ),
        ),
    ]
