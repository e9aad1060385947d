from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CustomersConfig(AppConfig):
    name = "customers"
    verbose_name = "Customers"

    def ready(self) -> None:
        """Make the app's files importable, and imports jobs."""
        from crm_project.common import jobs  # noqa: PLC0415 - models must be loaded first
        from customers import receivers  # noqa: PLC0415 - see above
        from customers.importers import registry  # noqa: PLC0415 - see above
        from customers.importers.people import (  # noqa: PLC0415 - see above
            CONSENT_FORMATS,
            CONTACT_FORMATS,
            CUSTOMER_FORMATS,
        )
        from customers.services import import_files, imports  # noqa: PLC0415 - see above
        from customers.services.import_consents import CONSENTS_PLAN  # noqa: PLC0415 - see above
        from customers.services.import_table import CONTACTS_PLAN, CUSTOMERS_PLAN  # noqa: PLC0415 - see above

        jobs.register("import_preview", imports.preview_job, label="Preview of an import")
        jobs.register("import_commit", imports.commit_job, label="Import")
        for name, formats, plan in (
            ("customers", CUSTOMER_FORMATS, CUSTOMERS_PLAN),
            ("contacts", CONTACT_FORMATS, CONTACTS_PLAN),
            ("consents", CONSENT_FORMATS, CONSENTS_PLAN),
        ):
            registry.register(registry.ImportKind(name, name.capitalize(), "rows", formats, plan))
        import_files.register_part()
        post_migrate.connect(receivers.set_up, sender=self)
