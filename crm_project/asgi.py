"""The entry point of the web server: events go to the fast application, all else to Django.

Django's pages run in threads, as under WSGI (``crm_project.wsgi`` still serves them alone, with
the same addresses). Only ``POST`` to the addresses that take events passes Django by.
"""

import os
from pathlib import Path

from django.core.wsgi import get_wsgi_application

from crm_project import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")

# Where the processes of one web server count together (crm_project.health), each in its own file.
if _counts := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    Path(_counts).mkdir(parents=True, exist_ok=True)

_django = get_wsgi_application()
embedded.ensure_for_process()

# After the settings: these read them.
from django.conf import settings  # noqa: E402

from analytics.api.receiving.app import ReceiveApp  # noqa: E402
from crm_project.asgi_bridge import DjangoPages, Site  # noqa: E402
from crm_project.asgi_probes import Probes  # noqa: E402 - as above

application = Site(
    pages=DjangoPages(_django, threads=settings.CRM_WEB_THREADS),
    api=DjangoPages(_django, threads=settings.CRM_API_THREADS),
    receive=ReceiveApp,
    probes=Probes(DjangoPages(_django, threads=2)),
)
