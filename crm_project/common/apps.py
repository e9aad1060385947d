from django.apps import AppConfig


class CommonConfig(AppConfig):
    """What every app needs and none is about: users, tokens, jobs, freshness, bases."""

    name = "crm_project.common"
    label = "common"
    verbose_name = "Operations"

    def ready(self) -> None:
        # Imported here: models exist only once all apps are loaded.
        from crm_project.common import backup_jobs, freshness  # noqa: PLC0415
        from crm_project.common import checks as checks  # noqa: PLC0415 - registers the checks
        from crm_project.common.jobs import register  # noqa: PLC0415

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
