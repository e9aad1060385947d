"""Every address of the site: as its patterns have it, and one that exists in ``world``."""

import re
from functools import partial

from django.apps import apps
from django.contrib import admin
from django.urls import get_resolver
from django.views.generic import RedirectView

from analytics.models import SavedSegment, SegmentationCluster
from crm_project.common.api import docs
from orders.models import Product
from tests.security import world

# Rows for parts of addresses that name no model.
NAMED = {
    "batch_id": "customers.ImportBatch",
    "segment_id": "analytics.SavedSegment",
    "cluster_id": "analytics.SegmentationCluster",
    "customer_id": "customers.Customer",
    "export_id": "recommendations.RecoExport",
    "run_id": "recommendations.RecoRun",
}
# What the first part of a path of the API is about, where it is not keyed by a code.
ABOUT = {
    "contacts": "customers.ContactEvent",
    "consents": "customers.Consent",
    "contact-blocks": "customers.ContactBlock",
    "imports": "customers.ImportBatch",
    "product-aliases": "orders.ProductAlias",
    "label-suggestions": "orders.LabelSuggestion",
    "orders": "orders.Order",
    "metrics-runs": "analytics.MetricsRun",
    "pipeline-runs": "analytics.PipelineRun",
    "segmentations": "analytics.Segmentation",
    "segmentation-comparisons": "analytics.SegmentationComparison",
    "signals": "analytics.Signal",
    "receipts": "analytics.Signal",
    "quarantine": "analytics.QuarantinedEvent",
    "reco-runs": "recommendations.RecoRun",
    "reco-items": "recommendations.RecoItem",
    "reco-exports": "recommendations.RecoExport",
    "reco-backtests": "recommendations.BacktestRun",
    "reco-configs": "recommendations.RecoConfig",
    "uplift": "recommendations.UpliftReport",
    "jobs": "common.Job",
}
KEYS = {
    ("products", "key"): (Product, "key"),
    ("saved-segments", "slug"): (SavedSegment, "slug"),
    ("segmentations", "number"): (SegmentationCluster, "number"),
}
# Actions that are offered in one state only, and a row in that state.
STATES = {
    "analytics/embeddingmodel/<path:object_id>/use_now/": {"is_current": False},
    "analytics/savedsegment/<path:object_id>/restore/": {"is_archived": True},
    "orders/labelsuggestion/<path:object_id>/reopen_one/": {"status": "rejected"},
    "recommendations/recoconfig/<path:object_id>/activate/": {"status": "draft"},
    "recommendations/recoconfig/<path:object_id>/retire/": {"status": "draft"},
    "recommendations/recoitem/<path:object_id>/approve/": {"rank": world.UNDECIDED},
}


def patterns(found, before=""):
    """Yield every address as Django's patterns have it, with its name and view."""
    for pattern in found:
        text = before + str(pattern.pattern).removeprefix("^" if before else "")
        if hasattr(pattern, "url_patterns"):
            yield from patterns(pattern.url_patterns, text)
        else:
            yield text, pattern


def row_of(label, **state):
    app, _, model = label.partition(".")
    found = apps.get_model(app, model)._default_manager.filter(**state).order_by("pk").first()
    assert found is not None, f"the world of this test has no {label} {state}"
    return found.pk


# Addresses in the admin that are Django's own and lead to pages that have a row, or nowhere.
FRAME = {
    "admin/r/<path:content_type_id>/<path:object_id>/": "to a page on the site; no model has one",
    "admin/login/": "for everybody: tests/security/test_sessions.py",
    "admin/logout/": "for everybody: tests/security/test_second_factor.py",
}


def is_frame(text, pattern):
    """Tell whether an address is one that Django's admin adds to each model or to all."""
    view = pattern.callback
    former = getattr(view, "view_class", None) is RedirectView and text.endswith(
        "/<path:object_id>/"
    )
    of_site = getattr(view, "__wrapped__", view)
    return text in FRAME or former or of_site in (admin.site.catch_all_view, admin.site.app_index)


def admin_addresses():
    """Yield each page of the admin: how the table calls it, and an address that exists."""
    for text, pattern in patterns(get_resolver().url_patterns):
        if text.startswith("admin/") and not is_frame(text, pattern):
            place = text.removeprefix("admin/")
            model = ".".join(place.split("/")[:2])

            def value(match, model=model, place=place):
                return str(row_of(NAMED.get(match[1], model), **STATES.get(place, {})))

            yield f"/{text}", "/" + re.sub(r"<(?:\w+:)?(\w+)>", value, text)


def api_addresses():
    """Return each operation of the API: method and path as described, and a path that exists."""
    for path, item in docs.description()["paths"].items():
        asked = re.sub(r"{(\w+)}", partial(value_in, path), path)
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
            yield f"{method.upper():<6} {path}", method, asked


def value_in(path, match):
    """Return a key that exists, of the kind that the path is about."""
    name = match[1]
    about = path.removeprefix("/api/v1/").split("/")[0].partition(":")[0]
    if name in {"code", "customer"}:
        return "spring" if about == "campaigns" else "C1"
    if (about, name) in KEYS:
        model, field = KEYS[about, name]
        return str(model._default_manager.values_list(field, flat=True).first())
    return str(row_of(ABOUT[about]))
