"""The admin's list of signals: pages, filters and searches, through the whole of Django.

Ours: the median of several requests of a signed-in member of staff, template included, over a
million signals in fourteen months. Limit: 200 ms, as for the list of customers. Pages are found by
key, so that only filters without an index depend on the number of signals; those are stopped
after four seconds.
"""

from datetime import timedelta
from statistics import median
from time import perf_counter

from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone

from benchmarks import scratch, signal_data
from benchmarks.framework import Row, Scale
from crm_project.common.models import User

DATABASE = "crm_bench_admin_signals"
LIMIT_MS = 200.0
REQUESTS = 7


def run(scale: Scale) -> list[Row]:
    """Measure each way to open the list."""
    with scratch.database(DATABASE), override_settings(ALLOWED_HOSTS=["testserver"]):
        words = signal_data.fill(scale)
        user = User.objects.create(username="bench", is_staff=True, is_superuser=True)
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return [
            Row(
                work=f"admin list of {signal_data.SIGNALS:,} signals: {name}",
                ours=_milliseconds(client, asked),
                unit="ms",
                limit=LIMIT_MS,
                at_most_limit=None if "no index" in name else 1.0,
            )
            for name, asked in _pages(words).items()
        ]


def _pages(words: list[str]) -> dict[str, dict[str, str]]:
    """Return the ways to open the list; a word is the more common the earlier it stands."""
    year_ago = timezone.now() - timedelta(days=365)
    micros = f"{int(year_ago.timestamp() * 1e6)}.ffffffff-ffff-7fff-bfff-ffffffffffff"
    day = f"{year_ago:%Y-%m-%d}"
    return {
        "first page": {},
        "a page a year back": {"after": micros},
        "one customer": {"customer_code": "C00000007"},
        "one type": {"type": "purchase"},
        "one day": {"occurred_at_from": day, "occurred_at_to": day},
        "customer not known yet": {"known": "0"},
        "one product": {"product_key": "P00007"},
        "a source that nobody has (no index)": {"source": "nobody"},
        "search, common word": {"q": words[0]},
        "search, rare word": {"q": words[-1]},
        "search, no hit": {"q": "nobodywritesthis"},
    }


def _milliseconds(client: Client, asked: dict[str, str]) -> float:
    """Return the median time of a request, after one that fills the caches."""
    url = reverse("admin:analytics_signal_changelist")
    taken = []
    for _ in range(REQUESTS + 1):
        started = perf_counter()
        response = client.get(url, asked)
        taken.append(1000 * (perf_counter() - started))
        if response.status_code != 200:
            raise RuntimeError(f"{url} {asked}: status {response.status_code}")
    return median(taken[1:])
