from django.db import migrations

# Functions with their owner's rights are for roles that were granted them by name, never for all.
REVOKE = """
    revoke execute on all functions in schema crm_private from public
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0014_say_the_grain")]

    operations = [migrations.RunSQL(REVOKE, migrations.RunSQL.noop)]
