"""Where events are received, and in which shape: one table for every way in."""

from dataclasses import dataclass, replace

from analytics.ingest.envelope import CLOUDEVENT, SEGMENT, SIGNAL
from analytics.ingest.shape_segment import KINDS

JSON = "application/json"
CLOUDEVENT_JSON = "application/cloudevents+json"
CLOUDEVENT_BATCH_JSON = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that takes events.

    Attributes:
        name: for metrics and logs.
        shape: in which shape the events come.
        hint: the kind of event where the address says it; else empty.
        media_types: content type → whether the body holds many events.
        success: the status of an answer after which the sender may forget the events.
        keeps_refused: an event that fails validation is put in quarantine, because its sender
            (a library) would drop it silently.
    """

    name: str
    shape: str
    media_types: dict[str, bool]
    hint: str = ""
    success: int = 202
    keeps_refused: bool = False


def _segment(name: str, *, hint: str = "", many: bool = False) -> Endpoint:
    # The libraries for browsers send text/plain, to be spared a preflight request.
    kinds = {JSON: many, "text/plain": many, "": many}
    # Their authors promise 200, and some of their libraries take nothing else.
    return Endpoint(name, SEGMENT, kinds, hint=hint, success=200, keeps_refused=True)


_KNOWN: dict[str, Endpoint] = {
    "/api/v1/signals": Endpoint("signals", SIGNAL, {JSON: False}),
    "/api/v1/signals/batch": Endpoint("signals-batch", SIGNAL, {JSON: True}),
    "/api/v1/events": Endpoint(
        "events", CLOUDEVENT, {CLOUDEVENT_JSON: False, CLOUDEVENT_BATCH_JSON: True}
    ),
    "/v1/batch": _segment("batch", many=True),
    "/v1/import": _segment("import", many=True),
} | {f"/v1/{kind}": _segment(kind, hint=kind) for kind in sorted(KINDS)}

ENDPOINTS: dict[str, Endpoint] = _KNOWN | {
    f"{path}/": replace(endpoint) for path, endpoint in _KNOWN.items()
}
"""By path, in both spellings: the last slash never matters."""
