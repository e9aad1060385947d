import django.db.models.deletion
import django.db.models.functions.datetime
import pgvector.django
import pgvector.django.vector
from django.conf import settings
from django.db import migrations, models

from crm_project.common.sql import run_sql_file


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0018_pipeline_schedule'),
        ('customers', '0003_contact_newest'),
        ('orders', '0004_line_references'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Not a trusted extension: where the migrating role is no superuser, somebody else made it.
        pgvector.django.VectorExtension(),
        migrations.CreateModel(
            name='EmbeddingModel',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('provider', models.CharField(choices=[('local', 'local (words and pairs, no network)'), ('openai', 'a service that speaks the OpenAI API'), ('external', 'another system, which sends the vectors')], max_length=10)),
                ('dimension', models.PositiveIntegerField(help_text='Numbers per vector.')),
                ('params', models.JSONField(blank=True, default=dict, help_text='What the provider was set up with; never a key.')),
                ('artefact', models.BinaryField(blank=True, help_text='What it learned from texts.', null=True)),
                ('template', models.CharField(help_text='The template of the texts it learned.', max_length=20)),
                ('status', models.CharField(choices=[('building', 'being filled'), ('ready', 'Ready'), ('retired', 'Retired'), ('failed', 'Failed')], default='building', max_length=8)),
                ('is_current', models.BooleanField(default=False, help_text='What everybody sees.')),
                ('reason', models.CharField(blank=True, help_text='Why it was made.', max_length=300)),
                ('error', models.CharField(blank=True, help_text='What is wrong, in words.', max_length=300)),
                ('fitted_on', models.PositiveIntegerField(default=0, help_text='Texts it learned from.')),
                ('fitted_at', models.DateTimeField(blank=True, null=True)),
                ('written', models.PositiveIntegerField(default=0, help_text='Vectors made since it became current: new and changed texts.')),
                ('surveyed_up_to', models.BigIntegerField(default=0, help_text='Customers with a greater key have not been looked at yet.')),
                ('indexed_at', models.DateTimeField(blank=True, help_text='When its index was built.', null=True)),
                ('activated_at', models.DateTimeField(blank=True, null=True)),
                ('dropped_at', models.DateTimeField(blank=True, help_text='When its vectors were removed.', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='CustomerEmbedding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('pending', 'waits for its first vector'), ('done', 'Done'), ('stale', 'the text has changed since; the old vector serves'), ('failed', 'Failed'), ('empty', 'nothing is known that could be embedded')], db_default='pending', default='pending', max_length=7)),
                ('text_sha256', models.CharField(blank=True, db_default='', help_text='Of the text that the vector stands for.', max_length=64)),
                ('template_version', models.CharField(blank=True, db_default='', max_length=20)),
                ('vector', pgvector.django.vector.VectorField(blank=True, null=True)),
                ('embedded_at', models.DateTimeField(blank=True, null=True)),
                ('checked_at', models.DateTimeField(blank=True, help_text='The data behind the text were read as of this moment.', null=True)),
                ('error', models.CharField(blank=True, db_default='', max_length=300)),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('next_try_at', models.DateTimeField(blank=True, null=True)),
                ('customer', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='embeddings', to='customers.customer')),
                ('model', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='customer_embeddings', to='analytics.embeddingmodel')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ProductEmbedding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('pending', 'waits for its first vector'), ('done', 'Done'), ('stale', 'the text has changed since; the old vector serves'), ('failed', 'Failed'), ('empty', 'nothing is known that could be embedded')], db_default='pending', default='pending', max_length=7)),
                ('text_sha256', models.CharField(blank=True, db_default='', help_text='Of the text that the vector stands for.', max_length=64)),
                ('template_version', models.CharField(blank=True, db_default='', max_length=20)),
                ('vector', pgvector.django.vector.VectorField(blank=True, null=True)),
                ('embedded_at', models.DateTimeField(blank=True, null=True)),
                ('checked_at', models.DateTimeField(blank=True, help_text='The data behind the text were read as of this moment.', null=True)),
                ('error', models.CharField(blank=True, db_default='', max_length=300)),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('next_try_at', models.DateTimeField(blank=True, null=True)),
                ('model', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='product_embeddings', to='analytics.embeddingmodel')),
                ('product', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='embeddings', to='orders.product')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddConstraint(
            model_name='embeddingmodel',
            constraint=models.CheckConstraint(condition=models.Q(('provider__in', ['local', 'openai', 'external'])), name='embedding_model_provider_known'),
        ),
        migrations.AddConstraint(
            model_name='embeddingmodel',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['building', 'ready', 'retired', 'failed'])), name='embedding_model_status_known'),
        ),
        migrations.AddConstraint(
            model_name='embeddingmodel',
            constraint=models.CheckConstraint(condition=models.Q(('dimension__range', (1, 16000))), name='embedding_model_dimension'),
        ),
        migrations.AddConstraint(
            model_name='embeddingmodel',
            constraint=models.CheckConstraint(condition=models.Q(('is_current', False), models.Q(('dropped_at__isnull', True), ('status', 'ready')), _connector='OR'), name='embedding_model_current_is_ready'),
        ),
        migrations.AddConstraint(
            model_name='embeddingmodel',
            constraint=models.UniqueConstraint(condition=models.Q(('is_current', True)), fields=('is_current',), name='embedding_model_one_current'),
        ),
        migrations.AddConstraint(
            model_name='embeddingmodel',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'building')), fields=('status',), name='embedding_model_one_building'),
        ),
        migrations.AddIndex(
            model_name='customerembedding',
            index=models.Index(condition=models.Q(('status__in', ['pending', 'stale', 'failed'])), fields=['model', 'customer'], name='customer_embedding_waiting'),
        ),
        migrations.AddConstraint(
            model_name='customerembedding',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'done', 'stale', 'failed', 'empty'])), name='customerembedding_status_known'),
        ),
        migrations.AddConstraint(
            model_name='customerembedding',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['done', 'stale']), _negated=True), models.Q(('embedded_at__isnull', False), ('vector__isnull', False)), _connector='OR'), name='customerembedding_done_has_vector'),
        ),
        migrations.AddConstraint(
            model_name='customerembedding',
            constraint=models.UniqueConstraint(fields=('customer', 'model'), name='customer_embedding_once'),
        ),
        migrations.AddIndex(
            model_name='productembedding',
            index=models.Index(condition=models.Q(('status__in', ['pending', 'stale', 'failed'])), fields=['model', 'product'], name='product_embedding_waiting'),
        ),
        migrations.AddConstraint(
            model_name='productembedding',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'done', 'stale', 'failed', 'empty'])), name='productembedding_status_known'),
        ),
        migrations.AddConstraint(
            model_name='productembedding',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['done', 'stale']), _negated=True), models.Q(('embedded_at__isnull', False), ('vector__isnull', False)), _connector='OR'), name='productembedding_done_has_vector'),
        ),
        migrations.AddConstraint(
            model_name='productembedding',
            constraint=models.UniqueConstraint(fields=('product', 'model'), name='product_embedding_once'),
        ),
        *(
            run_sql_file('analytics', f'{name}.sql', reverse=f'{name}.down.sql')
            for name in ('embedding_index_v1', 'crm_customers_v2', 'crm_embeddings_v1')
        ),
    ]
