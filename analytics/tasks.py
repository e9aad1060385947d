"""Nightly work. Each task calls one service; the service keeps the ledger."""

from celery import shared_task
from django.db import OperationalError

from analytics.services import dashboards, rfm
from crm_project.common.exceptions import ConflictError


@shared_task(
    autoretry_for=(OperationalError, ConflictError),
    retry_backoff=30,
    retry_backoff_max=600,
    max_retries=5,
)
def score_rfm_nightly() -> None:
    """Score all customers as of today."""
    rfm.score_rfm()


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def thin_runs_nightly() -> None:
    """Drop scores that the history no longer needs."""
    rfm.thin_runs()


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def refresh_dashboards() -> None:
    """Bring what the dashboard reads up to date with the day's orders."""
    dashboards.refresh_dashboards()
