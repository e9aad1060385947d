"""``manage.py recommend`` on the tests' database, stopped in the middle.

``recommend_app.py POINT [option …]``: POINT is ``writing`` (the lists of a chunk are made) or
``published`` (everything is done but the commit). There the process stops itself; whoever started
it kills it.
"""

import os
import signal
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line


def main(point, options):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")
    settings.DATABASES["default"]["NAME"] = os.environ["CRM_TEST_DATABASE"]
    django.setup()
    from recommendations.services import run_steps  # noqa: PLC0415 - needs the set-up

    name = {"writing": "_decisions", "published": "publish"}[point]
    work = getattr(run_steps, name)

    def stopping(*args):
        done = work(*args)
        os.kill(os.getpid(), signal.SIGSTOP)
        return done

    setattr(run_steps, name, stopping)
    execute_from_command_line(["manage.py", "recommend", *options])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
