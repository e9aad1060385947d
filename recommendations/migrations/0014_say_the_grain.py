from django.db import migrations

GRAIN = """
    comment on view crm.reco_exclusion is
    'One row per customer, run and stage: why they were offered nothing (stage offer) or may not be
contacted (stage contact).'
"""
BEFORE = """
    comment on view crm.reco_exclusion is
    'Why a customer was offered nothing (stage offer) or may not be contacted (stage contact).'
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0013_arms_stay")]

    operations = [migrations.RunSQL(GRAIN, BEFORE)]
