"""What a span says: of an error its kind, of a statement what is no value, and nobody's words.

Loaded only where traces are sent, as it needs OpenTelemetry.
"""

from collections.abc import Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from crm_project.common.telemetry_events import without_values

_WORDS = ("exception.message", "exception.stacktrace")
_STATEMENTS = ("db.statement", "db.query.text")


class Withholding(SpanExporter):
    """Hands spans on without the words of errors and the values in statements."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_without_words(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _without_words(span: ReadableSpan) -> ReadableSpan:
    events = [
        Event(
            event.name,
            {key: value for key, value in (event.attributes or {}).items() if key not in _WORDS},
            event.timestamp,
        )
        for event in span.events
    ]
    attributes = {
        key: without_values(str(value)) if key in _STATEMENTS else value
        for key, value in (span.attributes or {}).items()
    }
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=events,
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
