from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = "Analytics"

    def ready(self) -> None:
        # Imported here: models exist only once all apps are loaded.
        from analytics import checks as checks  # noqa: PLC0415
        from analytics import jobs, receivers  # noqa: PLC0415
        from analytics.services import pipeline_steps, watched  # noqa: PLC0415
        from crm_project.common.jobs import register  # noqa: PLC0415

        register("score", jobs.score_job, label="Score (whole pipeline)")
        register("score_rfm", jobs.score_rfm_job, label="Score customers (RFM)")
        register("score_metrics", jobs.score_metrics_job, label="Score metrics (predictions)")
        register("embed_customers", jobs.embed_customers_job, label="Embed customers")
        register("refresh_profiles", jobs.refresh_profiles_job, label="Refresh customer profiles")
        register("segment_customers", jobs.segment_customers_job, label="Group customers")
        register(
            "compare_segmentations", jobs.compare_segmentations_job, label="Compare segmentations"
        )
        register("replay_quarantine", jobs.replay_quarantine_job, label="Replay quarantine")
        register("discard_quarantine", jobs.discard_quarantine_job, label="Discard quarantine")
        pipeline_steps.register_steps()
        register(
            "rebuild_saved_segments",
            jobs.rebuild_saved_segments_job,
            label="Rebuild saved segments",
        )
        watched.watch()
        post_migrate.connect(receivers.set_up, sender=self)
