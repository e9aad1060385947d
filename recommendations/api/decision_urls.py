"""Addresses of the audit and the decisions that are no plain resources."""

from django.urls import URLPattern, re_path

from recommendations.api.audit import RunAuditViewSet
from recommendations.api.decisions import ItemDecisionViewSet, RunDecisionViewSet

_RUN = r"^reco-runs/(?P<run>[0-9]{1,9})"
_ITEM = r"^reco-items/(?P<item_id>[0-9]{1,18})"
_WORDS = ("approve", "reject", "flag")

urlpatterns: list[URLPattern] = [
    re_path(
        rf"{_RUN}/audit/?$",
        RunAuditViewSet.as_view({"get": "retrieve", "post": "create"}),
        name="reco-run-audit",
    ),
    *(
        re_path(
            rf"{_RUN}/{word}/?$",
            RunDecisionViewSet.as_view({"post": word}),
            name=f"reco-run-{word}",
        )
        for word in _WORDS
    ),
    *(
        re_path(
            rf"{_ITEM}/{word}/?$",
            ItemDecisionViewSet.as_view({"post": word}),
            name=f"reco-item-{word}",
        )
        for word in _WORDS
    ),
]
