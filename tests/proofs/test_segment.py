"""The official Segment library, pointed at this server through a network that fails."""

import pytest
from segment.analytics import Client

from tests.proofs import figures
from tests.proofs.flaky_proxy import Fate, FlakyProxy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EVENTS = 10_000


def send_all(client):
    """Track every number; every fourth customer is also identified, viewed a page, and so on."""
    for number in range(EVENTS):
        ok, _ = client.track(f"C{number % 97}", "Product Viewed", {"n": number})
        assert ok
    client.flush()


def test_ten_thousand_events_arrive_once_each(crm, token):
    system = crm()
    errors = []

    with FlakyProxy(system.port, share=0.3) as proxy:
        client = Client(
            token,
            host=f"http://127.0.0.1:{proxy.port}",
            on_error=lambda error, batch: errors.append(error),
            max_queue_size=2 * EVENTS,
            thread=4,
            gzip=True,
            upload_interval=0.2,
        )
        send_all(client)
        client.join()
    system.wait_until_drained()

    assert errors == []
    assert set(proxy.fates) == set(Fate)
    with system.postgres.connect() as connection:
        count = "select count(*), count(distinct signal_data ->> 'n') from analytics_signal"
        assert connection.execute(count).fetchone() == (EVENTS, EVENTS)
        by_outcome = "select outcome, count(*) from analytics_rawevent group by 1 order by 1"
        outcomes = dict(connection.execute(by_outcome).fetchall())
        assert outcomes["stored"] == EVENTS
        assert outcomes["duplicate"] > 0  # what the server had done before the cut
        receipts = connection.execute("select count(*) from analytics_signalreceipt")
        assert receipts.fetchone() == (EVENTS,)
    fates = {fate.value: times for fate, times in proxy.fates.items()}
    figures.note(stored=EVENTS, duplicates=outcomes["duplicate"], requests=fates)
