from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    name = "recommendations"
    verbose_name = "Recommendations"

    def ready(self) -> None:
        # Imported here: models exist only once all apps are loaded.
        from recommendations import checks as checks  # noqa: PLC0415
        from recommendations.services import catalogue_step  # noqa: PLC0415

        catalogue_step.register_step()
