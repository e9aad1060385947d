from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate

from crm_project.common import outgoing


class CommonConfig(AppConfig):
    """What every app needs and none is about: users, tokens, jobs, freshness, bases."""

    name = "crm_project.common"
    label = "common"
    verbose_name = "Operations"

    def ready(self) -> None:
        # Imported here: models exist only once all apps are loaded.
        from crm_project.common import backup_jobs, freshness, telemetry, tracing  # noqa: PLC0415 - see above
        from crm_project.common import checks as checks  # noqa: PLC0415 - registers the checks
        from crm_project.common.jobs import register  # noqa: PLC0415 - see above
        from crm_project.common.services import tidying_parts  # noqa: PLC0415 - see above

        tracing.start()
        telemetry.start()
        register(
            backup_jobs.BACKUP,
            backup_jobs.backup_job,
            label="Back up",
            page="common_backuprun_change",
            key="backup_id",
        )
        register(
            backup_jobs.DRILL,
            backup_jobs.drill_job,
            label="Restore drill",
            page="common_drillrun_change",
            key="drill_id",
        )
        freshness.register(freshness.BACKUP)
        freshness.register(freshness.BACKUP_DRILL)
        freshness.register(freshness.TIDYING)
        tidying_parts.register_parts()

        outgoing.allow_private(settings.CRM_OUTGOING_PRIVATE_HOSTS)
        # Django tells each app in turn and makes its permissions; after the last, all are there.
        last = [*apps.get_app_configs()][-1]
        post_migrate.connect(_keep_ready_groups, sender=last, dispatch_uid="crm_ready_groups")


def _keep_ready_groups(*, using: str, **kwargs: Any) -> None:
    from crm_project.common.services.groups import apply_ready_groups  # noqa: PLC0415 - needs models

    if using == "default":
        apply_ready_groups(groups=settings.CRM_READY_GROUPS)
