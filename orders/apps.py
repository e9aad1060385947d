from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = "Orders"

    def ready(self) -> None:
        """Make the app's files importable, and its long work jobs."""
        from crm_project.common.jobs import register  # noqa: PLC0415 - models must be loaded first
        from customers.importers import registry  # noqa: PLC0415 - see above
        from orders import jobs  # noqa: PLC0415 - see above
        from orders.importers.orders import ORDER_FORMATS  # noqa: PLC0415 - see above
        from orders.importers.products import PRODUCT_FORMATS  # noqa: PLC0415 - see above
        from orders.services.import_orders import OrdersPlan  # noqa: PLC0415 - see above
        from orders.services.import_products import PRODUCTS_PLAN  # noqa: PLC0415 - see above

        registry.register(
            registry.ImportKind("orders", "Orders", "lines", ORDER_FORMATS, OrdersPlan())
        )
        registry.register(
            registry.ImportKind("products", "Products", "rows", PRODUCT_FORMATS, PRODUCTS_PLAN)
        )
        register("suggest_aliases", jobs.suggest_aliases_job, label="Look for label suggestions")
        register("derive_catalogue", jobs.derive_catalogue_job, label="Fill the catalogue by rule")
