"""Nightly work. Each task calls one service; the service keeps the ledger."""

from celery import shared_task
from django.db import OperationalError

from crm_project.common.exceptions import ConflictError
from recommendations.models import RecoRun
from recommendations.services import backtests, run_thinning, runs


@shared_task(
    autoretry_for=(OperationalError, ConflictError),
    retry_backoff=30,
    retry_backoff_max=600,
    max_retries=5,
)
def recommend_nightly() -> None:
    """Recommend as of today: this step alone, for schedules that staff made their own."""
    runs.recommend(origin=RecoRun.Origin.SCHEDULE)


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def thin_recommendations_nightly() -> None:
    """Drop the items of runs that the history no longer needs."""
    run_thinning.thin_recommendations()


@shared_task(
    autoretry_for=(OperationalError, ConflictError),
    retry_backoff=60,
    retry_backoff_max=900,
    max_retries=3,
)
def backtest_weekly() -> None:
    """Judge recommendations on past days, and choose the plan of the coming week."""
    backtests.run()
