"""The WSGI entry point that the web server loads."""

import os

from django.core.wsgi import get_wsgi_application

from crm_project import embedded, env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")
env.make_folder_of_counts()

# The settings read .env, which may name a database of one's own: only then ours are started.
application = get_wsgi_application()
embedded.ensure_for_process()
