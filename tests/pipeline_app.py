"""``manage.py score`` on the tests' database, killed in a step: ``pipeline_app.py STEP …``.

It kills itself when the step tells that it is half done: the step is the real one.
"""

import os
import signal
import sys
from dataclasses import replace

import django
from django.conf import settings
from django.core.management import execute_from_command_line


def main(name, options):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")
    settings.DATABASES["default"]["NAME"] = os.environ["CRM_TEST_DATABASE"]
    django.setup()
    from analytics.services import pipeline_registry as registry  # noqa: PLC0415

    step = registry.find(name)

    def killed(context):
        def tell(done, total, message):
            if total is None or 2 * (done + 1) > total:
                os.kill(os.getpid(), signal.SIGKILL)

        return step.work(replace(context, progress=tell))

    registry._steps[name] = replace(step, work=killed)
    execute_from_command_line(["manage.py", "score", *options])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
