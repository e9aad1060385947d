"""Requests made from the API's own description, sent to the running server: no 500, no surprise."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = [pytest.mark.slow, pytest.mark.slow_proof, pytest.mark.timeout(1_800)]

EXAMPLES = 40
ABOUT = ("signals", "queue", "receipts", "quarantine", "search", "contacts", "events", "timeline")
RIGHT_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    ignored_auth,
]
WRONG_CHECKS = [not_a_server_error, content_type_conformance]


def concerns_signals(path):
    return path.startswith("/v1/") or any(word in path for word in ABOUT)


def test_no_described_request_breaks_the_running_server(crm, token):
    system = crm()
    address = f"http://127.0.0.1:{system.port}/api/schema/?format=json"
    schema = schemathesis.openapi.from_url(address)
    found, asked = {}, set()

    for result in schema.get_all_operations():
        operation = result.ok()
        if not concerns_signals(operation.path):
            continue
        asked.add(operation.path)
        for mode, checks in (
            (GenerationMode.POSITIVE, RIGHT_CHECKS),
            (GenerationMode.NEGATIVE, WRONG_CHECKS),
        ):
            try:
                strategy = operation.as_strategy(generation_mode=mode)
                ask(strategy, checks, {"Authorization": f"Bearer {token}"})
            except (Exception, BaseExceptionGroup) as error:
                name = f"{operation.label} ({mode.name})"
                found[name] = f"{error}\n{getattr(error, 'exceptions', '')}"

    assert {"/v1/batch", "/api/v1/signals", "/api/v1/search"} <= asked
    assert not found, "\n\n".join(f"{label}: {text}" for label, text in found.items())
    system.wait_until_drained()
    assert "Traceback" not in system.logs()


def ask(strategy, checks, credentials):
    @seed(7)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def send(case):
        case.call_and_validate(headers=credentials, checks=checks)

    send()
