"""Runs that were audited and approved, and what an export of them holds."""

import csv
import io
from decimal import Decimal

from recommendations.services.approvals import decide_run
from recommendations.services.audit import audit
from recommendations.services.export_files import read_file
from tests.factories import ProductFactory
from tests.recommendations.storage import make_run


def listed(*customers, products=1, **fields):
    """A run, audited, with so many products for each customer."""
    stock = [ProductFactory(family=f"f{place}") for place in range(products)]
    rows = [
        (customer, product, rank, {"price": Decimal("2.50")})
        for customer in customers
        for rank, product in enumerate(stock, start=1)
    ]
    run = make_run(rows, **fields)
    audit(run=run)
    return run


def approved(*customers, user, **fields):
    run = listed(*customers, **fields)
    decide_run(run=run, decision="approved", user=user)
    return run


def content(made):
    return b"".join(read_file(export=made)).decode()


def lines(made):
    return list(csv.DictReader(io.StringIO(content(made))))
