"""Imports at the same moment: of one source they queue up, of several none waits for ever."""

import random
import threading
from collections import Counter

import pytest

from customers.models import Customer
from customers.services import imports
from orders.models import CustomerTotals
from tests.orders.order_files import GOOD, HEADER, batch_of, counts

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("uploads")]


def test_two_imports_of_one_source_queue_up(in_thread):
    """Both at once: the second waits, finds nothing new, and the totals are exact."""
    lines = [GOOD.replace("536365", str(n)) for n in range(300)]
    batches = [batch_of("\n".join([HEADER, *lines, *[""] * n])) for n in range(2)]
    barrier = threading.Barrier(2)

    def work(batch):
        barrier.wait()
        return counts(imports.commit(batch_id=batch.pk))

    found = [finish() for finish in [in_thread(work, batch) for batch in batches]]

    assert Counter(found) == Counter({(300, 300, 0, 0, 0, 0): 1, (300, 0, 0, 300, 0, 0): 1})
    assert CustomerTotals.objects.get().order_count == 300


def test_imports_of_different_sources_share_customers_without_a_deadlock(in_thread):
    lines = [GOOD.replace("536365", str(n)).replace("17850", str(n % 50)) for n in range(400)]
    barrier = threading.Barrier(4)

    def work(source):
        batch = batch_of("\n".join([HEADER, *lines]), source=source)
        random.Random(source).shuffle(lines)  # noqa: S311 - data
        barrier.wait()
        return imports.commit(batch_id=batch.pk).new

    finishes = [in_thread(work, f"shop{n}") for n in range(4)]

    assert [finish() for finish in finishes] == [400] * 4
    assert Customer.objects.count() == 50
    assert sum(CustomerTotals.objects.values_list("order_count", flat=True)) == 1600
