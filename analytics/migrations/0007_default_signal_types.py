from django.db import migrations

from analytics.scoring.signals import DEFAULTS


def install(apps, schema_editor):
    types = apps.get_model("analytics", "SignalType")
    if types.objects.exists():
        return
    types.objects.bulk_create(
        types(
            event_type=default.event_type,
            label=default.label,
            base_score=default.base_score,
            signal_class=default.signal_class,
            aliases=list(default.aliases),
            description=default.description,
        )
        for default in DEFAULTS
    )


class Migration(migrations.Migration):
    """Install the signal types of the scoring rules."""

    dependencies = [("analytics", "0006_signal_storage")]

    # The table goes with its own migration: there is nothing to take back here.
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
