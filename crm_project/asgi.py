"""The entry point of the web server: events go to the fast application, all else to Django.

Django's pages run in threads, as under WSGI (``crm_project.wsgi`` still serves them alone, with
the same addresses). Only ``POST`` to the addresses that take events passes Django by.
"""

import os

from django.core.wsgi import get_wsgi_application

from crm_project import embedded, env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")

env.make_folder_of_counts()
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
