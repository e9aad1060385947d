"""Mistakes in what runs by the clock, each with the rule that must see it (rules_jobs.py)."""

from tests.kubernetes.parts import WEB, box, drop, pod, set_config, set_env, spec

DEV = {
    "schedule of six fields": (
        lambda m: spec(m, "CronJob", "crm-backup").update(schedule="0 0 2 * * *"),
        "schedules_are_careful",
    ),
    "schedule at hour 24": (
        lambda m: spec(m, "CronJob", "crm-backup").update(schedule="0 24 * * *"),
        "schedules_are_careful",
    ),
    "two backups at once": (
        lambda m: spec(m, "CronJob", "crm-backup").pop("concurrencyPolicy"),
        "schedules_are_careful",
    ),
    "no restartPolicy": (
        lambda m: pod(m, "crm-backup").pop("restartPolicy"),
        "schedules_are_careful",
    ),
    "failure that the next command hides": (
        lambda m: box(m, "crm-backup").update(command=["sh", "-c", "backup create; backup prune"]),
        "schedules_are_careful",
    ),
    "backup that nobody restores": (
        lambda m: drop(m, "CronJob", "crm-backup-drill"),
        "backups_are_made_and_proved_daily",
    ),
    "restore that starts by itself": (
        lambda m: spec(m, "CronJob", "crm-restore").update(suspend=False),
        "backups_are_made_and_proved_daily",
    ),
    "restore that overwrites": (
        lambda m: box(m, "crm-restore").update(args=["--force"]),
        "backups_are_made_and_proved_daily",
    ),
    "beat makes backups, too": (
        lambda m: set_config(m, CRM_BACKUP_BY_BEAT="true"),
        "backups_are_made_and_proved_daily",
    ),
    "a week of backups": (
        lambda m: set_env(m, "crm-backup", CRM_BACKUP_KEEP_DAYS="7"),
        "backups_are_made_and_proved_daily",
    ),
    "web before its tables": (
        lambda m: pod(m, WEB).pop("initContainers"),
        "nothing_starts_before_the_migrations",
    ),
    "migration that waits for locks": (
        lambda m: box(m, "crm-migrate").update(
            command=["sh", "-euc", "python manage.py migrate --lock-seconds 0"]
        ),
        "nothing_starts_before_the_migrations",
    ),
}
PROD = {
    "backups in the cluster": (
        lambda m: set_env(m, "crm-backup", CRM_BACKUP_URL="file:///backups"),
        "backups_are_made_and_proved_daily",
    ),
}
