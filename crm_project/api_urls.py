"""Everything below /api/."""

from django.urls import include, path, re_path

from crm_project.common.api.docs import DocsView, SchemaView, UnknownView

urlpatterns = [
    path("v1/", include("customers.api.urls")),
    path("v1/", include("orders.api.urls")),
    path("v1/", include("analytics.api.urls")),
    path("v1/", include("recommendations.api.urls")),
    path("v1/", include("crm_project.common.api.jobs")),
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    re_path(r"", UnknownView.as_view(), name="api-unknown"),
]
