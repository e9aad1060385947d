from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    name = "recommendations"
    verbose_name = "Recommendations"

    def ready(self) -> None:
        # Imported here: models exist only once all apps are loaded.
        from crm_project.common.jobs import register  # noqa: PLC0415
        from recommendations import checks as checks  # noqa: PLC0415
        from recommendations import jobs  # noqa: PLC0415
        from recommendations.services import catalogue_step, pipeline_steps  # noqa: PLC0415

        catalogue_step.register_step()
        pipeline_steps.register_steps()
        register("recommend", jobs.recommend_job, label="Recommend")
        register("backtest", jobs.backtest_job, label="Back-test recommendations")
