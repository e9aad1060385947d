"""The addresses that take events, below /api/v1/ and, for the Segment libraries, below /v1/."""

from django.urls import URLPattern, re_path

from analytics.api.receiving.views import ReceiveViewSet
from analytics.ingest.shape_segment import KINDS


def _take(route: str, action: str, name: str) -> URLPattern:
    view = ReceiveViewSet.as_view({"post": action})
    return re_path(rf"^{route}/?$", view, name=name)


urlpatterns = [
    _take("signals/batch", "signals_batch", "signal-batch"),
    _take("events", "events", "event-list"),
]
segment_urlpatterns = [
    _take("batch", "batch", "segment-batch"),
    _take("import", "import_", "segment-import"),
    *(_take(kind, kind, f"segment-{kind}") for kind in sorted(KINDS)),
]
