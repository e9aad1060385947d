"""Nightly work. Each task calls one service; the service keeps the ledger."""

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from analytics.services import (
    dashboards,
    embeddings,
    metrics,
    rfm,
    segmentations,
    signal_partitions,
    signal_reports,
)
from crm_project.common.exceptions import ConflictError
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def score_nightly() -> None:
    """Have the whole pipeline run as a job: people see its progress, and a dead one is resumed."""
    enqueue(create_job(kind="score", params={"nightly": True}))


@shared_task(
    autoretry_for=(OperationalError, ConflictError),
    retry_backoff=30,
    retry_backoff_max=600,
    max_retries=5,
)
def score_rfm_nightly() -> None:
    """Score all customers as of today: RFM alone, for schedules that staff made their own."""
    rfm.score_rfm()


@shared_task(
    autoretry_for=(OperationalError, ConflictError),
    retry_backoff=30,
    retry_backoff_max=600,
    max_retries=5,
)
def score_metrics_nightly() -> None:
    """Predict as of today: predictions alone, for schedules that staff made their own."""
    metrics.score_metrics()


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def thin_runs_nightly() -> None:
    """Drop scores, predictions and members of groups that the history no longer needs."""
    rfm.thin_runs()
    metrics.thin_metrics()
    segmentations.thin_segmentations()


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def refresh_dashboards() -> None:
    """Bring what the dashboard reads up to date with the day's orders."""
    dashboards.refresh_dashboards()


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def score_signals_nightly() -> None:
    """Score customers' interest by their signals as of now."""
    signal_reports.score_signals()


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def count_signals() -> None:
    """Count the days on which the last hour's signals fall."""
    signal_reports.refresh_signals_by_day()


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def gather_search_words() -> None:
    """Gather the words that mistyped ones are compared with; all anew on the first of a month."""
    signal_reports.gather_search_words(everything=timezone.localdate().day == 1)


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def keep_signal_partitions() -> None:
    """Make next months' partitions of signals and raw events, and drop those past retention."""
    signal_partitions.keep_partitions()


@shared_task(
    autoretry_for=(OperationalError, ConflictError),
    retry_backoff=60,
    retry_backoff_max=600,
    max_retries=3,
)
def embed_customers_hourly() -> None:
    """Embed the customers and products that are new or have another text."""
    embeddings.embed_customers(all=True)
