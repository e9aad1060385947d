from django.db import migrations

from analytics.scoring.segments import DEFAULTS


def install(apps, schema_editor):
    segment_model = apps.get_model("analytics", "Segment")
    cell_model = apps.get_model("analytics", "SegmentCell")
    if segment_model.objects.exists():
        return
    for position, default in enumerate(DEFAULTS, start=1):
        segment = segment_model.objects.create(
            code=default.code,
            name=default.name,
            description=default.description,
            advice=default.advice,
            colour=default.colour,
            position=position,
        )
        cell_model.objects.bulk_create(
            [cell_model(code=code, segment=segment) for code in default.cells.split()]
        )


class Migration(migrations.Migration):
    """Install the eleven segments, the prospects, and the map of the 125 codes."""

    dependencies = [("analytics", "0002_rfm_sql")]

    # The tables go with the first migration: there is nothing to take back here.
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
