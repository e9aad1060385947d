"""``manage.py consume_signals`` on the tests' database: ``consumer_app.py POINT [option …]``.

POINT is where the process kills itself: ``after-commit`` (the batch is in the database and not
acknowledged), ``before-commit`` (it is taken from the queue and not stored), or ``never``.
"""

import os
import signal
import sys

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")
settings.DATABASES["default"]["NAME"] = os.environ["CRM_TEST_DATABASE"]
django.setup()

from django.core.management import execute_from_command_line  # noqa: E402

from analytics.services.signal_consumer import Consumer  # noqa: E402
from analytics.services.signal_split import Split  # noqa: E402


def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    point, *options = sys.argv[1:]
    if point == "after-commit":
        Consumer.finish = die
    elif point == "before-commit":
        Split.store = die
    execute_from_command_line(["manage.py", "consume_signals", "--batch", "50", *options])
