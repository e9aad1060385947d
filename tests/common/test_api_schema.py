"""The description is true: every route is in it, and what it promises is what is sent."""

import re

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.urls import get_resolver
from drf_spectacular import drainage
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
)

from analytics.api.receiving.urls import segment_urlpatterns
from analytics.ingest.shape_segment import KINDS
from analytics.services.rfm import score_rfm
from crm_project.common.api import docs
from crm_project.common.scopes import SCOPES
from crm_project.wsgi import application
from tests.api import Api
from tests.factories import CustomerFactory, OrderFactory, ProductFactory

EXAMPLES = 10
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    ignored_auth,
]
NO_UUID = "00000000-0000-0000-0000-000000000000"
BY_UUID = re.compile(r"/v1/(jobs|signals|receipts|quarantine)")
METHODS = {"get", "post", "patch", "delete", "put"}


@pytest.fixture(scope="module")
def description():
    return docs.description()


def test_it_is_served_as_yaml_and_as_json(client, description):
    assert client.get("/api/schema/").content.startswith(b"openapi:")
    for query, headers in (("?format=json", {}), ("", {"Accept": "application/json"})):
        served = client.get(f"/api/schema/{query}", headers=headers).json()
        assert served["paths"].keys() == description["paths"].keys()


def test_it_is_made_without_a_warning():
    """A warning is a name or a type that had to be guessed."""
    drainage.reset_generator_stats()
    with drainage.GENERATOR_STATS.silence():
        SchemaGenerator().get_schema(request=None, public=True)

    told = {**drainage.GENERATOR_STATS._warn_cache, **drainage.GENERATOR_STATS._error_cache}
    assert list(told) == []


def operations(description):
    for path, item in description["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", operation


def scopes(operation):
    """Return the scopes of which one opens the operation."""
    required = operation["x-required-scope"]
    return [required] if isinstance(required, str) else required


def test_every_route_is_described(description):
    described = {path.rstrip("/") for path in description["paths"]}
    found = set()
    below = get_resolver("crm_project.api_urls").url_patterns
    routes = [route for pattern in below for route in getattr(pattern, "url_patterns", [])]
    # The Segment libraries ask outside /api/.
    for route in [*routes, *segment_urlpatterns]:
        view = route.callback.cls(**route.callback.initkwargs)
        found.add((route.name, type(view).__name__))
    names = {name for name, _ in found}
    assert names == {
        *("customer-list", "customer-detail", "import-list", "import-detail"),
        *("import-cancel", "import-commit", "import-errors", "product-list", "product-detail"),
        *("order-list", "order-detail", "rfm-run-list", "rfm-list", "rfm-detail"),
        *("import-again", "product-alias-list", "product-alias-detail", "catalogue-derive"),
        "product-embedding",
        *(f"reco-backtest-{name}" for name in ("list", "detail")),
        *(f"reco-config-{name}" for name in ("list", "detail", "activate", "diff")),
        *(f"reco-run-{name}" for name in ("list", "detail", "item-list", "exclusion-list")),
        *("reco-item-outcome", "uplift-list", "uplift-detail"),
        *(f"label-suggestion-{name}" for name in ("list", "detail", "accept", "reject")),
        *(f"label-suggestion-{name}" for name in ("reopen", "decide", "suggest")),
        *("signal-list", "signal-detail", "signal-stats", "queue-stats", "receipt-detail"),
        *("quarantine-list", "quarantine-detail", "quarantine-replay", "quarantine-discard"),
        *("quarantine-replay-many", "signal-score-list", "signal-score-detail"),
        *(
            "customer-profile-list",
            "customer-timeline-list",
            "search-list",
            "signal-batch",
            "event-list",
        ),
        *(f"segment-{kind}" for kind in ("batch", "import", *KINDS)),
        *("contact-list", "contact-detail", "contact-batch", "campaign-list", "campaign-detail"),
        *("consent-list", "consent-detail", "consent-batch", "customer-contactability"),
        *("contact-block-list", "contact-block-detail", "contact-block-lift"),
        *("pipeline-run-list", "pipeline-run-detail"),
        *("saved-segment-list", "saved-segment-detail", "saved-segment-fields"),
        *("saved-segment-preview", "saved-segment-members", "saved-segment-members-csv"),
        *("saved-segment-rebuild", "saved-segment-restore", "saved-segment-why"),
        *("embedding-model-list", "customer-embedding", "customer-similar", "product-similar"),
        *("segmentation-list", "segmentation-detail", "segmentation-rename"),
        *("segmentation-movement", "segmentation-member-list"),
        *("segmentation-comparison-list", "segmentation-comparison-detail"),
        *("metrics-run-list", "metrics-run-detail", "customer-metrics-list"),
        *(f"recommendations-{kind}" for kind in ("overview", "batch", "detail", "history")),
        *("recommendations-exclusions", "recommendations-why-not", "reco-item-explanation"),
        *(f"audit-{kind}" for kind in ("pending", "flagged", "quality", "gating")),
        *("reco-run-audit", "reco-run-finding-list", "reco-run-decision-list"),
        *(f"reco-run-{word}" for word in ("approve", "reject", "flag")),
        *(f"reco-item-{word}" for word in ("approve", "reject", "flag")),
        *(f"reco-export-{kind}" for kind in ("list", "detail", "preview", "items", "csv")),
        *("rfm-by-segment", "rfm-calculate", "rfm-statistics", "job-list", "job-detail"),
    }
    assert len(described) == len(names)


def test_every_operation_has_scope_tag_summary_and_problems(description):
    for name, operation in operations(description):
        for scope in scopes(operation):
            assert scope in SCOPES, name
            assert f"`{scope}`" in operation["description"], name
        assert operation["tags"], name
        assert operation["summary"], name
        assert {"400", "401", "403", "429"} <= set(operation["responses"]), name
        assert operation["security"], name


def test_every_operation_is_closed_without_its_scope(db, description):
    for place, (name, operation) in enumerate(operations(description)):
        method, path = name.split(" ")
        # One address may ask so often in a minute without credentials.
        stranger = Client(REMOTE_ADDR=f"10.0.0.{place % 250}")
        without = [scope for scope in SCOPES if scope not in scopes(operation)]
        api = Api(*without)
        for key in ("{code}", "{key}", "{customer}", "{slug}"):
            path = path.replace(key, "x")
        for key in ("{number}", "{segmentation}", "{run}", "{item_id}"):
            path = path.replace(key, "1")
        path = path.replace("{id}", NO_UUID if BY_UUID.search(path) else "1")
        credentials = {"Authorization": f"Bearer {api.secret}"}
        assert Client().generic(method, path, headers=credentials).status_code == 403, name
        assert stranger.generic(method, path).status_code == 401, name


def test_the_page_works_offline_and_without_inline_scripts(db, client):
    page = client.get("/api/docs/")
    text = page.content.decode()

    assert page.status_code == 200
    assert "http://" not in text
    assert "https://" not in text
    assert "<script>" not in text
    policy = page["Content-Security-Policy"]
    scripts = next(part for part in policy.split(";") if "script-src" in part)
    assert scripts.split() == ["script-src", "'self'"]
    assert client.get("/api/docs/?script")["Content-Type"].startswith("application/javascript")
    script = client.get("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")
    assert script.status_code == 200
    script.close()


@pytest.fixture
def api_schema(db, settings, tmp_path):
    settings.CRM_UPLOAD_DIR = tmp_path
    settings.CRM_QUEUE_PREFIX = "test:api-schema"
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": {**rates, "anonymous": "9000000/s"},
    }
    ProductFactory(key="P1")
    OrderFactory(customer=CustomerFactory(code="C1"))
    score_rfm()
    # As Django's own test client does: a request must not end the test's transaction.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def credentials(db):
    return {"Authorization": f"Bearer {Api().secret}"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_that_is_sent_breaks_it(api_schema, credentials):
    found, asked = {}, 0
    for result in api_schema.get_all_operations():
        operation = result.ok()
        asked += 1

        @seed(7)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case):
            case.call_and_validate(headers=credentials, checks=CHECKS)

        try:
            ask()
        except Exception as error:
            found[operation.label] = f"{error}\n{getattr(error, 'exceptions', '')}"

    assert asked > 20
    assert not found, "\n\n".join(f"{label}: {text}" for label, text in found.items())
