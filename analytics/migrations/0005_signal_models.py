import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    """Make the tables of the signals that are not partitioned."""

    dependencies = [
        ('analytics', '0004_crm_contract'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='SignalTypeEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.IntegerField()),
                ('event_type', models.CharField(help_text='Like add_to_cart.', max_length=50, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Use small letters, digits and _, like add_to_cart.')])),
                ('label', models.CharField(help_text='What people read, like Added to cart.', max_length=60)),
                ('base_score', models.DecimalField(decimal_places=2, default='0.10', help_text='0 to 1, before modifiers.', max_digits=3, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)])),
                ('signal_class', models.CharField(blank=True, choices=[('', 'none'), ('outreach', 'Outreach'), ('engagement', 'Engagement'), ('high_engagement', 'high engagement'), ('intent', 'Intent'), ('high_intent', 'high intent')], help_text="Outreach is what we do: it never raises a customer's score.", max_length=15)),
                ('aliases', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Use small letters, digits and _, like add_to_cart.')]), blank=True, default=list, help_text='Other names under which it is sent, like product_viewed for view.', size=None)),
                ('description', models.TextField(blank=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='QuarantinedEvent',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('received_at', models.DateTimeField()),
                ('source', models.CharField(max_length=200)),
                ('token', models.CharField(blank=True, max_length=12)),
                ('message_id', models.CharField(blank=True, max_length=100)),
                ('shape', models.CharField(max_length=10)),
                ('hint', models.CharField(blank=True, max_length=10)),
                ('sent_at', models.CharField(blank=True, max_length=40)),
                ('may_identify', models.BooleanField(default=False)),
                ('body', models.BinaryField()),
                ('code', models.CharField(help_text='The reason as a word, like too_deep.', max_length=40)),
                ('reason', models.CharField(help_text='The reason in words.', max_length=300)),
                ('attempts', models.PositiveIntegerField(default=1)),
                ('quarantined_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('last_attempt_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('resolution', models.CharField(blank=True, choices=[('', 'open'), ('stored', 'Stored'), ('duplicate', 'Duplicate'), ('discarded', 'Discarded')], max_length=9)),
                ('resolved_by', models.CharField(blank=True, help_text='Who decided.', max_length=150)),
            ],
            options={
                'verbose_name': 'quarantined event',
                'ordering': ['-id'],
                'permissions': [('replay_quarantinedevent', 'Can replay quarantined events'), ('discard_quarantinedevent', 'Can discard quarantined events')],
                'indexes': [models.Index(condition=models.Q(('resolved_at__isnull', True)), fields=['-id'], name='quarantined_open'), models.Index(fields=['-quarantined_at'], name='quarantined_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('resolution__in', ['', 'stored', 'duplicate', 'discarded'])), name='quarantined_resolution_known'), models.CheckConstraint(condition=models.Q(models.Q(('resolution', ''), ('resolved_at__isnull', True)), models.Q(models.Q(('resolution', ''), _negated=True), ('resolved_at__isnull', False)), _connector='OR'), name='quarantined_resolution_dated')],
            },
        ),
        migrations.CreateModel(
            name='SignalType',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('event_type', models.CharField(help_text='Like add_to_cart.', max_length=50, unique=True, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Use small letters, digits and _, like add_to_cart.')])),
                ('label', models.CharField(help_text='What people read, like Added to cart.', max_length=60)),
                ('base_score', models.DecimalField(decimal_places=2, default='0.10', help_text='0 to 1, before modifiers.', max_digits=3, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)])),
                ('signal_class', models.CharField(blank=True, choices=[('', 'none'), ('outreach', 'Outreach'), ('engagement', 'Engagement'), ('high_engagement', 'high engagement'), ('intent', 'Intent'), ('high_intent', 'high intent')], help_text="Outreach is what we do: it never raises a customer's score.", max_length=15)),
                ('aliases', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Use small letters, digits and _, like add_to_cart.')]), blank=True, default=list, help_text='Other names under which it is sent, like product_viewed for view.', size=None)),
                ('description', models.TextField(blank=True)),
            ],
            options={
                'verbose_name': 'signal type',
                'ordering': ['event_type'],
                'constraints': [models.CheckConstraint(condition=models.Q(('base_score__gte', 0), ('base_score__lte', 1)), name='signal_type_score_0_to_1'), models.CheckConstraint(condition=models.Q(('signal_class__in', ['', 'outreach', 'engagement', 'high_engagement', 'intent', 'high_intent'])), name='signal_type_class_known'), models.CheckConstraint(condition=models.Q(('event_type__regex', '^[a-z][a-z0-9_]*$')), name='signal_type_name')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='signaltype',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (NULLIF(CURRENT_SETTING('pghistory.context_id', TRUE), '') IS NOT NULL)", func='INSERT INTO "analytics_signaltypeevent" ("aliases", "base_score", "description", "event_type", "id", "label", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "signal_class") VALUES (NEW."aliases", NEW."base_score", NEW."description", NEW."event_type", NEW."id", NEW."label", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."signal_class"); RETURN NULL;', hash='d0ceaf0bb978516915c8fd372d31968bd17d49ae', operation='INSERT', pgid='pgtrigger_insert_insert_e76f7', table='analytics_signaltype', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='signaltype',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN ((OLD.* IS DISTINCT FROM NEW.*) AND NULLIF(CURRENT_SETTING('pghistory.context_id', TRUE), '') IS NOT NULL)", func='INSERT INTO "analytics_signaltypeevent" ("aliases", "base_score", "description", "event_type", "id", "label", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "signal_class") VALUES (NEW."aliases", NEW."base_score", NEW."description", NEW."event_type", NEW."id", NEW."label", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."signal_class"); RETURN NULL;', hash='f373d7d53ecf41bcdbbede92e027e7df988b9f4d', operation='UPDATE', pgid='pgtrigger_update_update_c518d', table='analytics_signaltype', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='signaltype',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (NULLIF(CURRENT_SETTING('pghistory.context_id', TRUE), '') IS NOT NULL)", func='INSERT INTO "analytics_signaltypeevent" ("aliases", "base_score", "description", "event_type", "id", "label", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "signal_class") VALUES (OLD."aliases", OLD."base_score", OLD."description", OLD."event_type", OLD."id", OLD."label", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."signal_class"); RETURN NULL;', hash='cf4b0d01c822163d494c46e603633541312be1bb', operation='DELETE', pgid='pgtrigger_delete_delete_58de6', table='analytics_signaltype', when='AFTER')),
        ),
        migrations.AddField(
            model_name='signaltypeevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='signaltypeevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='analytics.signaltype'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='signaltypeevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b1d8f2d113f0be917f8cd18223e8b345e297630e', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_7a3b6', table='analytics_signaltypeevent', when='BEFORE')),
        ),
    ]
