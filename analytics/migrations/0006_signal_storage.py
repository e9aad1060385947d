import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from crm_project.common.sql import run_sql_file

OBJECTS = [
    "signal_search_v1",
    "signal_storage_v1",
    "signal_partitions_v1",
    "signal_links_v1",
]


class Migration(migrations.Migration):
    """Make what SQL makes: partitioned tables, their partitions, links to what signals name."""

    dependencies = [
        ('analytics', '0005_signal_models'),
        ('common', '0002_extensions'),
        ('customers', '0002_not_scored'),
        ('orders', '0004_line_references'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                run_sql_file("analytics", f"{name}.sql", reverse=f"{name}.down.sql")
                for name in OBJECTS
            ],
            state_operations=[
                migrations.CreateModel(
                    name='RawEvent',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('received_at', models.DateTimeField()),
                        ('source', models.CharField(max_length=200)),
                        ('token', models.CharField(blank=True, help_text='Prefix of the token used.', max_length=12)),
                        ('message_id', models.CharField(blank=True, max_length=100)),
                        ('shape', models.CharField(help_text='signal, segment or cloudevent.', max_length=10)),
                        ('hint', models.CharField(blank=True, help_text='The Segment call, if it was one.', max_length=10)),
                        ('sent_at', models.CharField(blank=True, help_text="The sender's clock, as sent.", max_length=40)),
                        ('may_identify', models.BooleanField(default=False, help_text='Whether the sender may create and change customers.')),
                        ('outcome', models.CharField(choices=[('stored', 'Stored'), ('duplicate', 'Duplicate'), ('quarantined', 'Quarantined')], default='stored', max_length=11)),
                        ('body', models.BinaryField(help_text='The bytes of this one event.')),
                    ],
                    options={
                        'verbose_name': 'raw event',
                        'db_table': 'analytics_rawevent',
                        'ordering': ['-id'],
                    },
                ),
                migrations.CreateModel(
                    name='SignalReceipt',
                    fields=[
                        ('digest', models.BinaryField(help_text='Of source and message id.', max_length=16, primary_key=True, serialize=False)),
                        ('event_id', models.UUIDField()),
                        ('received_at', models.DateTimeField()),
                    ],
                    options={
                        'verbose_name': 'signal receipt',
                        'db_table': 'analytics_signalreceipt',
                    },
                ),
                migrations.CreateModel(
                    name='Signal',
                    fields=[
                        ('id', models.UUIDField(editable=False, help_text="Also the receipt's id.", primary_key=True, serialize=False)),
                        ('occurred_at', models.DateTimeField(help_text='When it happened, as the sender says.')),
                        ('received_at', models.DateTimeField(help_text='When we took it.')),
                        ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was stored here.')),
                        ('customer_ref', models.CharField(help_text="The customer's code, as sent.", max_length=200)),
                        ('product_ref', models.CharField(blank=True, help_text='The article, as sent.', max_length=200)),
                        ('event_type', models.CharField(max_length=50)),
                        ('score', models.DecimalField(decimal_places=2, help_text="0 to 1: the type's base score and modifiers.", max_digits=3)),
                        ('source', models.CharField(help_text='Who sent it; message ids are its own.', max_length=200)),
                        ('message_id', models.CharField(blank=True, help_text="The sender's own id.", max_length=100)),
                        ('historical', models.BooleanField(default=False, help_text='Sent to complete the record: starts nothing.')),
                        ('kind', models.CharField(choices=[('track', 'Track'), ('identify', 'Identify'), ('alias', 'Alias'), ('group', 'Group'), ('page', 'Page'), ('screen', 'Screen')], default='track', max_length=8)),
                        ('signal_data', models.JSONField(default=dict, help_text='What the sender told about it.')),
                        ('search', models.GeneratedField(db_persist=True, expression=models.Func(models.F('event_type'), models.F('customer_ref'), models.F('product_ref'), models.F('signal_data'), function='crm_signal_words'), output_field=django.contrib.postgres.search.SearchVectorField())),
                        ('customer', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='signals', to='customers.customer')),
                        ('product', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='signals', to='orders.product')),
                    ],
                    options={
                        'db_table': 'analytics_signal',
                        'ordering': ['-occurred_at', '-id'],
                    },
                ),
            ],
        ),
    ]
