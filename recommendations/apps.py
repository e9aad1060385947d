from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    name = "recommendations"
    verbose_name = "Recommendations"

    def ready(self) -> None:
        # Imported here: models exist only once all apps are loaded.
        from crm_project.common.jobs import register  # noqa: PLC0415 - see above
        from recommendations import checks as checks  # noqa: PLC0415 - see above
        from recommendations import jobs, outcome_jobs  # noqa: PLC0415 - see above
        from recommendations.services import (  # noqa: PLC0415 - see above
            audit_step,
            catalogue_step,
            export_files,
            outcome_step,
            pipeline_steps,
        )

        catalogue_step.register_step()
        pipeline_steps.register_steps()
        audit_step.register_step()
        outcome_step.register_step()
        export_files.register_part()
        register(
            "recommend",
            jobs.recommend_job,
            label="Recommend",
            page="recommendations_recorun_change",
            key="run_id",
        )
        register("backtest", jobs.backtest_job, label="Back-test recommendations")
        register(
            "audit_recommendations",
            jobs.audit_job,
            label="Audit recommendations",
            page="recommendations_run_audit",
            key="run_id",
        )
        register(
            "export_recommendations",
            jobs.export_job,
            label="Export recommendations",
            page="recommendations_recoexport_change",
            key="export_id",
        )
        register("measure_outcomes", outcome_jobs.measure_outcomes_job, label="Measure outcomes")
