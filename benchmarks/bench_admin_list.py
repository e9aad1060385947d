"""The admin's customer list: first page, searches and filters, through the whole of Django.

Ours: the median of several requests of a signed-in member of staff, template included.
Limit: 200 ms at a million customers (architecture, section 7).
"""

from statistics import median
from time import perf_counter

from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse

from analytics.models import CurrentRfmScore
from analytics.services.rfm import score_rfm
from benchmarks import data
from benchmarks.framework import Row, Scale
from crm_project.common.models import User

LIMIT_MS = 200.0
REQUESTS = 7
PAGES = {
    "first page": {},
    "search, few hits": {"q": "c00012345"},
    "search, many hits": {"q": "customer"},
    "search, no hit": {"q": "nobody is called this"},
    "search, two letters": {"q": "c0"},
    "filter by segment": {"segment": "champions"},
    "filter by a rare segment": {"segment": "cannot-lose-them"},
    "filter by prospects": {"segment": "prospects"},
    "filter by score": {"rfm": "155"},
    "filter by country": {"country": "Spain"},
    "hundredth page": {"p": "100"},
}


def run(scale: Scale) -> list[Row]:
    """Measure each way to open the list."""
    data.ensure(scale)
    if not CurrentRfmScore.objects.exists():
        score_rfm()
    user, _ = User.objects.get_or_create(
        username="bench", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    with override_settings(ALLOWED_HOSTS=["testserver"]):
        return [
            Row(
                work=f"admin list of {scale.customers:,} customers: {name}",
                ours=_milliseconds(client, asked),
                unit="ms",
                limit=LIMIT_MS,
                at_most_limit=1.0,
            )
            for name, asked in PAGES.items()
        ]


def _milliseconds(client: Client, asked: dict[str, str]) -> float:
    """Return the median time of a request, after one that fills the caches."""
    url = reverse("admin:customers_customer_changelist")
    taken = []
    for _ in range(REQUESTS + 1):
        started = perf_counter()
        response = client.get(url, asked)
        taken.append(1000 * (perf_counter() - started))
        if response.status_code != 200:
            raise RuntimeError(f"{url} {asked}: status {response.status_code}")
    return median(taken[1:])
