from django.apps import AppConfig


class CommonConfig(AppConfig):
    """What every app needs and none is about: users, tokens, jobs, freshness, bases."""

    name = "crm_project.common"
    label = "common"
    verbose_name = "Operations"

    def ready(self) -> None:
        from crm_project.common import checks  # noqa: F401, PLC0415 - registers the checks
