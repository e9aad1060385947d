from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "customers"
    verbose_name = "Customers"

    def ready(self) -> None:
        """Make imports jobs."""
        from crm_project.common import jobs  # noqa: PLC0415 - models must be loaded first
        from customers.services import imports  # noqa: PLC0415

        jobs.register("import_preview", imports.preview_job, label="Preview of an import")
        jobs.register("import_commit", imports.commit_job, label="Import")
