"""Errors to Sentry, traces to an OpenTelemetry collector: only where the environment names one.

Neither gets personal data from us: no bodies, cookies, search words or local variables, no values
in SQL statements, no keys of the cache (which hold those of sessions), and of a database's errors
not the text, which quotes what somebody typed.
"""

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest

from crm_project.common import tracing
from crm_project.common.telemetry_events import without_personal_data

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_BEFORE = "crm_project.common.middleware.RequestIdMiddleware"


def start() -> None:
    """Begin to report. The libraries are loaded only then: they cost every start half a second."""
    if settings.CRM_TELEMETRY["sentry_dsn"]:
        _start_sentry()
    if settings.CRM_TELEMETRY["otlp_endpoint"]:
        _start_opentelemetry()


def _start_sentry() -> None:
    import sentry_sdk  # noqa: PLC0415 - only where it is asked for
    from sentry_sdk.integrations.redis import RedisIntegration  # noqa: PLC0415 - where asked for

    sentry_sdk.init(
        dsn=settings.CRM_TELEMETRY["sentry_dsn"],
        environment=settings.CRM_ENV,
        release=settings.CRM_TELEMETRY["release"] or None,
        traces_sample_rate=settings.CRM_TELEMETRY["sentry_traces"],
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        # It reports keys: whoever reads a session's key has the session.
        disabled_integrations=[RedisIntegration()],
        before_send=without_personal_data,
        before_send_transaction=without_personal_data,
    )


def _start_opentelemetry() -> None:
    """Trace requests, tasks and statements. The SDK reads its own ``OTEL_`` variables."""
    from opentelemetry import trace  # noqa: PLC0415 - only where it is asked for
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - where asked for
        OTLPSpanExporter,
    )
    from opentelemetry.instrumentation.celery import CeleryInstrumentor  # noqa: PLC0415 - where asked for
    from opentelemetry.instrumentation.django import DjangoInstrumentor  # noqa: PLC0415 - where asked for
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor  # noqa: PLC0415 - where asked for
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - where asked for
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - where asked for
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - where asked for

    from crm_project.common.telemetry_spans import Withholding  # noqa: PLC0415 - where asked for

    resource = Resource.create(
        {
            "service.name": settings.CRM_TELEMETRY["service"],
            "service.version": settings.CRM_TELEMETRY["release"] or "unknown",
            "deployment.environment.name": settings.CRM_ENV,
        }
    )
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(Withholding(OTLPSpanExporter())))
    trace.set_tracer_provider(provider)
    # After the probes, which ask by address, and after every request has its id.
    place = settings.MIDDLEWARE.index(_BEFORE) + 1
    DjangoInstrumentor().instrument(middleware_position=place, request_hook=_describe)
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call] # untyped package
    PsycopgInstrumentor().instrument()


def _describe(span: "Span", request: HttpRequest) -> None:
    """Keep what people searched for out of the address; add our request id."""
    path = request.path
    for name in ("http.url", "http.target", "url.full", "url.query"):
        span.set_attribute(name, path if name != "url.query" else "")
    span.set_attribute("crm.request_id", tracing.request_id())
