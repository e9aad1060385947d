from django.db import migrations


class Migration(migrations.Migration):
    """Leave room on each page of the totals, so that an update stays on it (HOT)."""

    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE orders_customertotals SET (fillfactor = 70)",
            "ALTER TABLE orders_customertotals RESET (fillfactor)",
        ),
    ]
