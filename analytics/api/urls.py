from django.urls import re_path

from analytics.api import customer_filters as customer_filters
from analytics.api.embeddings import (
    CustomerEmbeddingViewSet,
    EmbeddingModelViewSet,
    ProductSimilarViewSet,
)
from analytics.api.metrics import CustomerMetricsViewSet, MetricsRunViewSet
from analytics.api.pipeline import PipelineRunViewSet
from analytics.api.profiles import ProfileViewSet
from analytics.api.quarantine import QuarantineViewSet
from analytics.api.queue import QueueViewSet
from analytics.api.receipts import ReceiptViewSet
from analytics.api.receiving import urls as receiving
from analytics.api.rfm import RfmViewSet, RunViewSet
from analytics.api.saved_segments import SavedSegmentViewSet
from analytics.api.search import SearchViewSet
from analytics.api.segmentations import (
    ComparisonViewSet,
    MemberViewSet,
    SegmentationViewSet,
)
from analytics.api.signal_scores import SignalScoreViewSet
from analytics.api.signals import SignalViewSet
from analytics.api.timeline import TimelineViewSet
from crm_project.common.api.routers import CrmRouter

router = CrmRouter()
# First, or "runs" would be taken for a customer's code.
router.register("rfm/runs", RunViewSet, basename="rfm-run")
router.register("rfm", RfmViewSet, basename="rfm")
router.register("metrics-runs", MetricsRunViewSet, basename="metrics-run")
router.register("pipeline-runs", PipelineRunViewSet, basename="pipeline-run")
router.register(
    "segmentations/(?P<segmentation>[0-9]{1,9})/members",
    MemberViewSet,
    basename="segmentation-member",
)
router.register("segmentations", SegmentationViewSet, basename="segmentation")
router.register("segmentation-comparisons", ComparisonViewSet, basename="segmentation-comparison")
router.register("signals", SignalViewSet, basename="signal")
router.register("signal-scores", SignalScoreViewSet, basename="signal-score")
router.register("queue", QueueViewSet, basename="queue")
router.register("receipts", ReceiptViewSet, basename="receipt")
router.register("search", SearchViewSet, basename="search")
router.register("saved-segments", SavedSegmentViewSet, basename="saved-segment")
router.register("quarantine", QuarantineViewSet, basename="quarantine")
router.register("customers/(?P<code>[^/]+)/timeline", TimelineViewSet, basename="customer-timeline")
router.register("customers/(?P<code>[^/]+)/profile", ProfileViewSet, basename="customer-profile")
router.register(
    "customers/(?P<code>[^/]+)/metrics", CustomerMetricsViewSet, basename="customer-metrics"
)
router.register("embedding-models", EmbeddingModelViewSet, basename="embedding-model")
_EMBEDDING = CustomerEmbeddingViewSet.as_view({"get": "retrieve", "put": "update"})
_SIMILAR = CustomerEmbeddingViewSet.as_view({"get": "similar"})
_PRODUCT_EMBEDDING = ProductSimilarViewSet.as_view({"get": "retrieve", "put": "update"})
_SIMILAR_PRODUCTS = ProductSimilarViewSet.as_view({"get": "similar"})
embeddings = [
    re_path(r"^customers/(?P<code>[^/]+)/embedding/?$", _EMBEDDING, name="customer-embedding"),
    re_path(r"^customers/(?P<code>[^/]+)/similar/?$", _SIMILAR, name="customer-similar"),
    re_path(r"^products/(?P<key>[^/]+)/embedding/?$", _PRODUCT_EMBEDDING, name="product-embedding"),
    re_path(r"^products/(?P<key>[^/]+)/similar/?$", _SIMILAR_PRODUCTS, name="product-similar"),
]
urlpatterns = [*embeddings, *receiving.urlpatterns, *router.urls]
