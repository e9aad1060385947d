from typing import Any

from django.urls import re_path

from crm_project.common.api.routers import CrmRouter
from recommendations.api import decision_urls
from recommendations.api.audit import AuditViewSet, FindingViewSet
from recommendations.api.backtests import BacktestViewSet
from recommendations.api.configs import RecoConfigViewSet
from recommendations.api.contactability import ContactabilityViewSet
from recommendations.api.decisions import RunDecisionViewSet
from recommendations.api.exports import RecoExportViewSet
from recommendations.api.outcomes import ItemOutcomeViewSet, UpliftViewSet
from recommendations.api.recommendations import ItemExplanationViewSet, RecommendationViewSet
from recommendations.api.runs import RecoRunViewSet, RunExclusionViewSet, RunItemViewSet

router = CrmRouter()
router.register("reco-runs/(?P<run>[0-9]{1,9})/items", RunItemViewSet, basename="reco-run-item")
router.register(
    "reco-runs/(?P<run>[0-9]{1,9})/exclusions", RunExclusionViewSet, basename="reco-run-exclusion"
)
router.register(
    "reco-runs/(?P<run>[0-9]{1,9})/findings", FindingViewSet, basename="reco-run-finding"
)
router.register(
    "reco-runs/(?P<run>[0-9]{1,9})/decisions", RunDecisionViewSet, basename="reco-run-decision"
)
router.register("reco-exports", RecoExportViewSet, basename="reco-export")
router.register("audit", AuditViewSet, basename="audit")
router.register("reco-runs", RecoRunViewSet, basename="reco-run")
router.register("reco-backtests", BacktestViewSet, basename="reco-backtest")
router.register("reco-configs", RecoConfigViewSet, basename="reco-config")
router.register("uplift", UpliftViewSet, basename="uplift")
_CUSTOMER = r"^recommendations/(?P<customer>[^/]+)"


def _to(action: str, method: str = "get") -> Any:
    return RecommendationViewSet.as_view({method: action})


recommendations = [
    re_path(r"^recommendations/?$", _to("overview"), name="recommendations-overview"),
    re_path(r"^recommendations:batch/?$", _to("batch", "post"), name="recommendations-batch"),
    re_path(rf"{_CUSTOMER}/?$", _to("retrieve"), name="recommendations-detail"),
    re_path(rf"{_CUSTOMER}/history/?$", _to("history"), name="recommendations-history"),
    re_path(rf"{_CUSTOMER}/exclusions/?$", _to("exclusions"), name="recommendations-exclusions"),
    re_path(rf"{_CUSTOMER}/why-not/?$", _to("why_not"), name="recommendations-why-not"),
    re_path(
        r"^reco-items/(?P<item_id>[0-9]{1,18})/explanation/?$",
        ItemExplanationViewSet.as_view({"get": "explanation"}),
        name="reco-item-explanation",
    ),
]
customer_pages = [
    re_path(
        r"^customers/(?P<code>[^/]+)/contactability/?$",
        ContactabilityViewSet.as_view({"get": "retrieve"}),
        name="customer-contactability",
    ),
]
outcomes = [
    re_path(
        r"^reco-items/(?P<item_id>[0-9]{1,18})/outcome/?$",
        ItemOutcomeViewSet.as_view({"post": "outcome"}),
        name="reco-item-outcome",
    ),
]
urlpatterns = [
    *decision_urls.urlpatterns,
    *outcomes,
    *customer_pages,
    *recommendations,
    *router.urls,
]
