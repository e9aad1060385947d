"""What Prometheus should know about signals, read when it asks.

These describe the one queue, not a process: any web process answers the same. Alert on the age of
the oldest waiting signal, on workers missing, and on a quarantine that grows.
"""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from analytics.selectors.signal_queue import QueueStats, open_quarantined, queue_stats
from analytics.signal_stream import answers_soon


class SignalMetrics(Collector):
    """Depth, age, rates, workers and quarantine of the signal queue."""

    def describe(self) -> Iterator[Metric]:
        """Registering must not ask: the queue may not be there yet."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        # A queue that hangs would have Prometheus give up on all the other numbers, too.
        stats = queue_stats() if answers_soon() else None
        up = stats is not None and stats.available
        yield GaugeMetricFamily("crm_signal_queue_up", "Whether the signal queue answers.", int(up))
        quarantined = stats.quarantined if stats else open_quarantined()
        if quarantined is not None:
            yield GaugeMetricFamily(
                "crm_signals_quarantined", "Signals in quarantine, undecided.", quarantined
            )
        if stats is not None and up:
            yield from _of_queue(stats)


def _of_queue(stats: QueueStats) -> Iterator[Metric]:
    gauges = (
        ("durable", "Whether what is acknowledged is on the queue's disk.", int(stats.durable)),
        ("depth", "Signals accepted and not yet stored.", stats.depth),
        ("limit", "Signals that may wait before new ones get 503.", stats.max_events),
        ("bytes", "Bytes of waiting signals.", stats.bytes),
        ("bytes_limit", "Bytes that may wait before new signals get 503.", stats.max_bytes),
        ("entries", "Entries of the stream.", stats.entries),
        ("pending", "Entries that workers hold.", stats.pending),
        ("oldest_seconds", "Age of the oldest waiting signal.", stats.oldest_waiting_seconds),
        ("consumers", "Workers that live.", sum(one.alive for one in stats.consumers)),
        ("accepted_per_second", "Over the last minute.", stats.accepted_per_second),
        ("stored_per_second", "Over the last minute.", stats.stored_per_second),
    )
    for name, help_text, value in gauges:
        yield GaugeMetricFamily(f"crm_signal_queue_{name}", help_text, value)
    yield CounterMetricFamily(
        "crm_signals_accepted", "Signals ever put into the queue.", stats.accepted_total
    )
    yield CounterMetricFamily(
        "crm_signals_finished", "Signals ever stored or put into quarantine.", stats.done_total
    )
