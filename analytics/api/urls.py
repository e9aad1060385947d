from analytics.api.pipeline import PipelineRunViewSet
from analytics.api.quarantine import QuarantineViewSet
from analytics.api.queue import QueueViewSet
from analytics.api.receipts import ReceiptViewSet
from analytics.api.receiving import urls as receiving
from analytics.api.rfm import RfmViewSet, RunViewSet
from analytics.api.saved_segments import SavedSegmentViewSet
from analytics.api.search import SearchViewSet
from analytics.api.signal_scores import SignalScoreViewSet
from analytics.api.signals import SignalViewSet
from analytics.api.timeline import TimelineViewSet
from crm_project.common.api.routers import CrmRouter

router = CrmRouter()
# First, or "runs" would be taken for a customer's code.
router.register("rfm/runs", RunViewSet, basename="rfm-run")
router.register("rfm", RfmViewSet, basename="rfm")
router.register("pipeline-runs", PipelineRunViewSet, basename="pipeline-run")
router.register("signals", SignalViewSet, basename="signal")
router.register("signal-scores", SignalScoreViewSet, basename="signal-score")
router.register("queue", QueueViewSet, basename="queue")
router.register("receipts", ReceiptViewSet, basename="receipt")
router.register("search", SearchViewSet, basename="search")
router.register("saved-segments", SavedSegmentViewSet, basename="saved-segment")
router.register("quarantine", QuarantineViewSet, basename="quarantine")
router.register("customers/(?P<code>[^/]+)/timeline", TimelineViewSet, basename="customer-timeline")
urlpatterns = [*receiving.urlpatterns, *router.urls]
