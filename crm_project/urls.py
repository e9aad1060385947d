from django.contrib import admin
from django.urls import path

from crm_project import health

urlpatterns = [
    path("admin/", admin.site.urls),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
