"""The project's wiring: settings, urls, Celery. It decides nothing about the business."""

from crm_project.celery import app as celery_app

__all__ = ["celery_app"]
