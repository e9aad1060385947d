"""Abstract bases shared by every app."""

from typing import Any, NoReturn

from django.db import models
from django.db.models.functions import Now

from crm_project.common.exceptions import ReadOnlyError


class TimeStamped(models.Model):
    """When a row was made and last written; the database fills both on a bulk insert."""

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now(), editable=False)

    class Meta:
        abstract = True


class DatabaseView(models.Model):
    """Base for models that read a view or a materialized view."""

    class Meta:
        abstract = True
        managed = False

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ReadOnlyError(f"{type(self).__name__} is computed by the database.")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ReadOnlyError(f"{type(self).__name__} is computed by the database.")
