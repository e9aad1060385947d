"""The page of movement: segments and groups between two days, as ribbons that lead to people."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from analytics.services.rfm import score_rfm
from analytics.services.segmentations import build
from tests.analytics import segmentation_support as made
from tests.analytics.admin_pages import HOSTILE, allow
from tests.analytics.support import shop

pytestmark = pytest.mark.django_db
PAGE = "admin:analytics_movement"
CUSTOMERS = "admin:customers_customer_changelist"


def people(client, href):
    """How many customers a ribbon leads to."""
    page = client.get(href.replace("&amp;", "&"))
    assert page.status_code == 200
    return len(page.context["cl"].result_list)


def test_before_there_are_two_days_it_says_so(admin_client):
    for kind in ("scores", "taste", "nonsense"):
        page = admin_client.get(reverse(PAGE), {"kind": kind})

        assert "Movement compares two" in page.content.decode()


def test_ribbons_of_segments_hold_everybody_and_lead_to_them(admin_client):
    shop({f"C{n}": [("2011-10-01", str(10 * n))] * (n % 4 + 1) for n in range(20)})
    score_rfm(as_of=date(2011, 10, 2))
    score_rfm(as_of=date(2011, 12, 9))

    page = admin_client.get(reverse(PAGE))

    sankey = page.context["sankey"]
    assert sankey.total == page.context["matrix"].moved + page.context["matrix"].stayed == 20
    ribbon = sankey.ribbons[0]
    assert people(admin_client, ribbon.flow.href) == ribbon.flow.customers


class TestGroups:
    @pytest.fixture
    def two(self):
        customers = made.shop(90)
        made.buy_later(customers)
        days = made.DAY, made.DAY + timedelta(days=60)
        return [build(as_of=day, kinds=("rfm",), effort=made.QUICK).made[0] for day in days]

    def test_ribbons_hold_everybody_and_lead_to_them(self, admin_client, two):
        page = admin_client.get(reverse(PAGE), {"kind": "rfm"})

        moves, sankey = page.context["moves"], page.context["sankey"]
        assert (moves.older, moves.newer) == (two[0], two[1])
        assert sankey.total == moves.moved + moves.stayed + moves.came + moves.left == 90
        for ribbon in sankey.ribbons[:2]:
            found = people(admin_client, ribbon.flow.href)
            assert found == min(25, ribbon.flow.customers)

    def test_a_group_leads_to_its_customers(self, admin_client, two):
        url = reverse("admin:analytics_segmentation_change", args=[two[0].pk])
        group = min(admin_client.get(url).context["shown"].groups, key=lambda g: g.cluster.size)

        assert people(admin_client, group.href) == min(25, group.cluster.size)

    @pytest.mark.parametrize("value", ["1", "x.y", "1.none", HOSTILE, "9999999999.1", "1.2.3.4"])
    def test_a_link_that_names_no_group_finds_nobody(self, admin_client, two, value):
        for name in ("group", "group_moved"):
            page = admin_client.get(reverse(CUSTOMERS), {name: value})

            assert page.status_code == 200
            assert not page.context["cl"].result_list
            assert HOSTILE not in page.content.decode()

    def test_each_kind_needs_its_right(self, client, staff_user):
        client.force_login(staff_user)
        assert client.get(reverse(PAGE)).status_code == 403
        assert client.get(reverse(PAGE), {"kind": "rfm"}).status_code == 403

        allow(staff_user, "view_segmentation")

        assert client.get(reverse(PAGE)).status_code == 403
        page = client.get(reverse(PAGE), {"kind": "rfm"})
        assert "scores" not in dict(page.context["kinds"])
