"""The real files: the figures that others published for them."""

import os
from pathlib import Path

import pytest

from customers.services import imports

pytestmark = pytest.mark.usefixtures("uploads")

EXCERPT = Path(__file__).parents[2] / "demo" / "data" / "online_retail_to_2011-11-09.csv.xz"
COMPLETE = os.environ.get("CRM_ONLINE_RETAIL", "")


def figures(path):
    batch = imports.import_file(path=path, kind="orders", format="online-retail")
    names = ("customers_with_sales", "sales", "revenue_sales")
    return batch, tuple(batch.summary[name] for name in names)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.django_db
def test_the_excerpt_gives_the_known_figures_and_twice_changes_nothing():
    batch, found = figures(EXCERPT)
    assert found == (4086, 15851, "7587541.47")
    assert (batch.lines, batch.summary["sale_lines"]) == (453_843, 333_606)
    assert batch.summary["refused_by_reason"] == {"no_customer": 112_344, "price_not_positive": 33}

    again, _ = figures(EXCERPT)
    assert (again.new, again.changed, again.unchanged) == (0, 0, batch.new)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.skipif(not COMPLETE, reason="CRM_ONLINE_RETAIL does not name the complete file")
def test_the_complete_file_gives_the_published_figures_and_twice_changes_nothing():
    batch, found = figures(Path(COMPLETE))
    assert found == (4338, 18_532, "8911407.90")
    assert batch.lines == 541_909

    again, _ = figures(Path(COMPLETE))
    assert (again.new, again.changed, again.unchanged) == (0, 0, batch.new)
