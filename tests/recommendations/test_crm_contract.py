"""Schema crm shows runs and items under the names of seed 002, to readers of the schema alone."""

import pytest
from django.db import connection

from recommendations.models import Assignment, OutcomeEvent
from tests.factories import CampaignFactory, CustomerFactory, ProductFactory
from tests.recommendations.storage import make_run

pytestmark = pytest.mark.django_db


def rows(sql):
    with connection.cursor() as cursor:
        cursor.execute("set local search_path = crm, public")
        cursor.execute(sql)
        names = [column.name for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        cursor.execute("set local search_path = public")
    return found


def test_items_carry_codes_and_reasons_and_their_run():
    customer, product = CustomerFactory(code="C1"), ProductFactory(key="P1")
    run = make_run(
        [(customer, product, 1)],
        exclusions=[(CustomerFactory(code="C2"), "offer", "NO_CANDIDATE", {"codes": []})],
    )

    (item,) = rows(
        "select * from reco_item where run_id = (select run_id from reco_run where is_current)"
    )
    assert (item["customer_code"], item["product_key"], item["rank"]) == ("C1", "P1", 1)
    assert "components" in item["reasons_json"]
    (one,) = rows("select run_id, config_hash from reco_run where is_current")
    assert one == {"run_id": run.pk, "config_hash": run.config.hash}
    (left,) = rows("select customer_code, stage, code from reco_exclusion")
    assert left == {"customer_code": "C2", "stage": "offer", "code": "NO_CANDIDATE"}


def test_outcomes_name_campaign_and_arm():
    assignment = Assignment.objects.create(
        campaign=CampaignFactory(code="may"),
        customer=CustomerFactory(code="C1"),
        arm="control",
        salt="s",
        share="0.1",
    )
    OutcomeEvent.objects.create(
        assignment=assignment,
        customer=assignment.customer,
        kind="complaint",
        occurred_at=assignment.assigned_at,
    )

    (found,) = rows("select customer_code, campaign, arm, kind from outcome_event")
    assert found == {
        "customer_code": "C1", "campaign": "may", "arm": "control", "kind": "complaint",
    }  # fmt: skip
    (assigned,) = rows("select customer_code, arm from assignment")
    assert assigned == {"customer_code": "C1", "arm": "control"}
