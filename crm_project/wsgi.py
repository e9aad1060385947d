"""The WSGI entry point that the web server loads."""

import os

from django.core.wsgi import get_wsgi_application

from crm_project import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")

embedded.ensure_for_process()
application = get_wsgi_application()
