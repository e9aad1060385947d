"""The shipped data, imported and scored, against numpy on the file itself."""

import csv
import lzma
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from analytics.models import RfmScore
from analytics.services.rfm import score_rfm
from customers.services.imports import import_file

FILE = Path(__file__).parents[2] / "demo" / "data" / "online_retail_to_2011-11-09.csv.xz"
DAY = date(2011, 11, 9)
STEPS = [0.2, 0.4, 0.6, 0.8]


def from_the_file():
    """Work out days, orders and money of each customer, knowing only the published columns."""
    times, money, owner = {}, defaultdict(Decimal), {}
    with lzma.open(FILE, "rt", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            invoice, customer = line["InvoiceNo"], line["CustomerID"]
            amount = int(line["Quantity"]) * Decimal(line["UnitPrice"])
            is_return = invoice.startswith("C")
            if not customer or amount == 0 or (amount < 0) != is_return:
                continue
            moment = datetime.fromisoformat(line["InvoiceDate"])
            times[invoice] = min(moment, times.get(invoice, moment))
            money[invoice] += amount
            owner[invoice] = customer
    found = defaultdict(lambda: [None, 0, Decimal(0)])
    for invoice, customer in owner.items():
        row = found[customer]
        row[2] += money[invoice].quantize(Decimal("0.01"))
        if not invoice.startswith("C"):
            day = times[invoice].date()
            row[0] = max(day, row[0] or day)
            row[1] += 1
    return {
        customer: ((DAY - last).days, orders, total)
        for customer, (last, orders, total) in found.items()
        if orders
    }


def bands(values):
    cuts = np.quantile(values, STEPS, method="inverted_cdf")
    return 1 + (np.asarray(values)[:, None] > cuts).sum(axis=1)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.django_db
def test_every_customer_of_the_shipped_file_has_the_scores_of_numpy():
    import_file(path=FILE, kind="orders", format="online-retail")

    run = score_rfm(as_of=DAY, refresh_views=False)

    values = from_the_file()
    days, orders, pence = (
        [int(row[part] * (100 if part == 2 else 1)) for row in values.values()] for part in range(3)
    )
    scores = zip(6 - bands(days), bands(orders), bands(pence), strict=True)
    wanted = {
        customer: (*row, f"{r}{f}{m}")
        for (customer, row), (r, f, m) in zip(values.items(), scores, strict=True)
    }
    found = {
        row.customer.code: (row.recency_days, row.frequency, row.monetary, row.code)
        for row in RfmScore.objects.filter(run_id=run.pk).select_related("customer")
    }
    assert len(wanted) > 4000
    assert found == wanted
