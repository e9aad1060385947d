import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from crm_project.common.sql import run_sql_file

# In this order: later ones use earlier ones.
OBJECTS = [
    "profile_rows_v1",
    "profile_changes_v1",
    "profile_refresh_v1",
    "crm_client_master_profile_v1",
]


class Migration(migrations.Migration):
    """Profiles of customers: their table, what computes them, and the log of what changed."""

    dependencies = [
        ('analytics', '0015_segmentations'),
        ('customers', '0003_contact_newest'),
        ('orders', '0004_line_references'),
    ]

    operations = [
        migrations.CreateModel(
            name='CustomerProfile',
            fields=[
                ('customer', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='taste', serialize=False, to='customers.customer')),
                ('orders', models.PositiveIntegerField(help_text='Number of sales.')),
                ('average_order_value', models.DecimalField(decimal_places=2, help_text='Of the sales, before returns.', max_digits=14)),
                ('returns_share', models.DecimalField(decimal_places=4, help_text='Returned of each unit sold, 0 to 1.', max_digits=5, null=True)),
                ('median_gap_days', models.FloatField(help_text='Between days with a purchase; needs two of them.', null=True)),
                ('preferred_hour', models.PositiveSmallIntegerField(help_text='Local hour of most sales; needs three with a time.', null=True)),
                ('preferred_weekday', models.PositiveSmallIntegerField(help_text='1 (Monday) to 7 (Sunday); needs three sales.', null=True)),
                ('preferred_season', models.CharField(help_text='winter, spring, summer or autumn; needs three sales.', max_length=6, null=True)),
                ('channels', models.JSONField(editable=False, help_text='Where was ordered.', null=True)),
                ('families', models.JSONField(editable=False, help_text='Product families.', null=True)),
                ('grapes', models.JSONField(editable=False, help_text='Grapes.', null=True)),
                ('sugar_levels', models.JSONField(editable=False, help_text='Sugar levels.', null=True)),
                ('price_bands', models.JSONField(editable=False, help_text='Price bands.', null=True)),
                ('products', models.JSONField(editable=False, help_text='Articles, by their key.', null=True)),
                ('aromas', models.JSONField(editable=False, help_text='By axis: score, confidence, level; needs two orders.', null=True)),
                ('aroma_confidence', models.FloatField(help_text='0 to 1, over all axes.', null=True)),
                ('as_of', models.DateField(help_text='The end of this local day was described.')),
                ('refreshed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('first_product', models.ForeignKey(db_constraint=False, db_index=False, help_text='The dearest article of the first sale.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='orders.product')),
                ('last_product', models.ForeignKey(db_constraint=False, db_index=False, help_text='The dearest article of the newest sale.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='orders.product')),
            ],
            options={
                'verbose_name': 'customer profile',
                'indexes': [models.Index(fields=['refreshed_at', 'customer'], name='profile_refreshed')],
                'constraints': [models.CheckConstraint(condition=models.Q(('orders__gt', 0)), name='profile_has_orders')],
            },
        ),
        *(
            run_sql_file("analytics", f"{name}.sql", reverse=f"{name}.down.sql")
            for name in OBJECTS
        ),
    ]
