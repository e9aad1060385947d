"""Beat: schedules from the database, and a sign of life after each look at them."""

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from crm_project import alive


class LivingScheduler(DatabaseScheduler):
    """Says after each look at the schedules that it lives; looks at least every five seconds."""

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        seconds = super().tick(*args, **kwargs)
        alive.touch()
        return seconds
