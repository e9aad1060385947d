import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0016_profiles"),
        ("common", "0005_stored_responses"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PipelineRun",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                (
                    "as_of",
                    models.DateField(help_text="The numbers describe the end of this local day."),
                ),
                (
                    "make_current",
                    models.BooleanField(
                        default=True,
                        help_text="No: a day of the past; what people see today stays.",
                    ),
                ),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("schedule", "the schedule"),
                            ("command", "a command"),
                            ("admin", "the admin"),
                            ("api", "the API"),
                        ],
                        default="command",
                        max_length=8,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("interrupted", "Interrupted"),
                        ],
                        default="running",
                        max_length=11,
                    ),
                ),
                (
                    "error",
                    models.TextField(blank=True, help_text="Why it did not end well, in words."),
                ),
                (
                    "attempts",
                    models.PositiveSmallIntegerField(
                        default=1, help_text="Starts, resumed ones too."
                    ),
                ),
                (
                    "started_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "resumed_at",
                    models.DateTimeField(blank=True, help_text="The newest start.", null=True),
                ),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="pipeline_runs",
                        to="common.job",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="PipelineStep",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("position", models.PositiveSmallIntegerField()),
                ("name", models.CharField(max_length=60)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("skipped", "not needed"),
                            ("failed", "Failed"),
                            ("blocked", "not started"),
                            ("interrupted", "Interrupted"),
                        ],
                        default="waiting",
                        max_length=11,
                    ),
                ),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("rows", models.BigIntegerField(blank=True, null=True)),
                (
                    "words",
                    models.TextField(
                        blank=True, help_text="What it found, or why it was not needed."
                    ),
                ),
                ("error", models.TextField(blank=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                (
                    "inputs",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="Fingerprint of what it read, taken at its start.",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="analytics.pipelinerun",
                    ),
                ),
            ],
            options={
                "ordering": ["run", "position"],
            },
        ),
        migrations.AddConstraint(
            model_name="pipelinerun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["running", "succeeded", "failed", "interrupted"])
                ),
                name="pipeline_run_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="pipelinerun",
            constraint=models.CheckConstraint(
                condition=models.Q(("origin__in", ["schedule", "command", "admin", "api"])),
                name="pipeline_run_origin_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="pipelinestep",
            constraint=models.UniqueConstraint(
                fields=("run", "name"), name="pipeline_step_once_per_run"
            ),
        ),
        migrations.AddConstraint(
            model_name="pipelinestep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "waiting",
                            "running",
                            "succeeded",
                            "skipped",
                            "failed",
                            "blocked",
                            "interrupted",
                        ],
                    )
                ),
                name="pipeline_step_status_known",
            ),
        ),
    ]
