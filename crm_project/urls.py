from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from analytics.api.receiving.urls import segment_urlpatterns
from crm_project import health
from crm_project.common.admin import error_pages
from crm_project.common.admin.second_factor import second_factor_view

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="front"),
    path("admin/second-factor/", second_factor_view, name="second_factor"),
    path("admin/", admin.site.urls),
    path("api/", include("crm_project.api_urls")),
    path("v1/", include(segment_urlpatterns)),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]

handler400 = error_pages.bad_request
handler403 = error_pages.forbidden
handler404 = error_pages.not_found
handler500 = error_pages.broken
