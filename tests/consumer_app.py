"""``manage.py consume_signals`` on the tests' database: ``consumer_app.py POINT [option …]``.

POINT is where the process kills itself: ``after-commit`` (the batch is in the database and not
acknowledged), ``before-commit`` (it is taken from the queue and not stored), or ``never``.
"""

import os
import signal
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line


def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)


def main(point, options):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")
    settings.DATABASES["default"]["NAME"] = os.environ["CRM_TEST_DATABASE"]
    django.setup()
    from analytics.services.signal_consumer import Consumer  # noqa: PLC0415 - needs the set-up
    from analytics.services.signal_split import Split  # noqa: PLC0415

    if point == "after-commit":
        Consumer.finish = die
    elif point == "before-commit":
        Split.store = die
    execute_from_command_line(["manage.py", "consume_signals", "--batch", "50", *options])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
