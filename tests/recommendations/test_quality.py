"""What the data-quality rules count before a run, by hand-made shops."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from crm_project.common.exceptions import CrmError
from recommendations.scoring.quality import RULES, Counted, judge
from recommendations.scoring.settings import RecoSettings
from recommendations.services import quality
from tests.analytics.support import at
from tests.factories import (
    CustomerFactory,
    ImportBatchFactory,
    LabelSuggestionFactory,
    OrderFactory,
    OrderItemFactory,
    ProductFactory,
    RefusedRowFactory,
)

DAY = date(2024, 6, 30)


def ago(days):
    return at(DAY - timedelta(days=days))


def found(report):
    return {finding.code: finding for finding in report.findings}


def sale(customer, days, *products, price="2.5", **fields):
    order = OrderFactory(customer=customer, ordered_at=ago(days), source="shop", **fields)
    for ordinal, product in enumerate(products, start=1):
        OrderItemFactory(
            order=order, ordinal=ordinal, product=product, unit_price=Decimal(price), quantity=1
        )
    return order


@pytest.mark.django_db
def test_an_empty_shop_finds_nothing_and_stops_nothing():
    report = quality.check(as_of=DAY)

    assert report.passed
    assert [finding.code for finding in report.findings] == [rule.code for rule in RULES]
    assert all(finding.share is None for finding in report.findings)
    assert report.to_json()["words"] == "No rule of data quality found anything."


@pytest.mark.django_db
def test_customers_are_counted_by_mail_purchases_and_scores():
    fresh, fading, lost, _never = [CustomerFactory(code=f"K{n}") for n in range(4)]
    twin = CustomerFactory(code="K4", email=fresh.email.upper())
    CustomerFactory(code="K5", email="")
    CustomerFactory(code="TEST", email="", is_test=True)
    for customer, days in ((fresh, 180), (fading, 181), (lost, 366), (twin, 365)):
        sale(customer, days, ProductFactory())

    rules = found(quality.check(as_of=DAY))

    assert (rules["MISSING_EMAIL"].count, rules["MISSING_EMAIL"].total) == (1, 6)
    assert rules["MISSING_EMAIL"].samples == ("K5",)
    assert rules["DUPLICATE_EMAIL"].samples == ("K0", "K4")
    assert rules["NO_PURCHASE_DATA"].samples == ("K3", "K5")
    assert rules["CHURN_WARNING"].samples == ("K1", "K4")
    assert rules["PURCHASE_INACTIVE"].samples == ("K2",)
    assert (rules["INCOMPLETE_RFM"].count, rules["INCOMPLETE_RFM"].total) == (4, 4)
    assert rules["STALE_DATA"].count == 1


@pytest.mark.django_db
def test_lines_are_counted_by_value_price_repetition_and_returns():
    wine = ProductFactory(key="WINE", price=Decimal(10), unit_cost=Decimal(11), family="red")
    free = ProductFactory(key="FREE", price=Decimal(0))
    buyer = CustomerFactory(code="K1")
    sale(buyer, 3, wine, wine, price="10", number="1")
    sale(buyer, 2, wine, price="101", number="2")
    sale(buyer, 1, wine, free, price="0", number="3")
    sale(buyer, 400, wine, price="0", number="old")
    sale(buyer, 5, wine, price="10", kind="return", number="early")
    sale(buyer, 1, wine, price="10", kind="return", number="late")
    sale(None, 1, wine, price="9", number="till", currency="EUR")

    rules = found(quality.check(as_of=DAY))

    assert rules["INVALID_SALE_VALUE"].samples == ("shop 3, line 1",)
    assert rules["INVALID_SALE_VALUE"].total == 6
    assert rules["UNREALISTIC_PRICE"].samples == ("shop 2, line 1",)
    assert (rules["DUPLICATE_ORDER_LINE"].count, rules["DUPLICATE_ORDER_LINE"].total) == (1, 8)
    assert rules["RETURN_WITHOUT_SALE"].count == 0  # the sale of 400 days ago counts as bought
    assert (rules["UNKNOWN_CLIENT"].count, rules["UNKNOWN_CLIENT"].total) == (1, 4)
    assert rules["CURRENCY_MIX"].samples == ("shop till",)
    assert rules["NEGATIVE_MARGIN"].samples == ("WINE",)
    assert rules["MISSING_FAMILY"].samples == ("FREE",)
    assert rules["RECENT_DUPLICATE"].samples == ("K1",)
    assert (rules["LOW_DIVERSITY"].count, rules["LOW_DIVERSITY"].total) == (1, 1)
    assert rules["STALE_DATA"].count == 0


@pytest.mark.django_db
def test_a_return_of_what_was_never_bought_is_told_by_its_number():
    sale(CustomerFactory(), 1, ProductFactory(), kind="return", number="77")

    assert found(quality.check(as_of=DAY))["RETURN_WITHOUT_SALE"].samples == ("shop 77",)


@pytest.mark.django_db
def test_what_happened_after_the_day_changes_nothing():
    buyer, product = CustomerFactory(), ProductFactory()
    sale(buyer, 10, product)
    before = quality.check(as_of=DAY).to_json()

    sale(buyer, -1, product, price="0", currency="EUR")
    sale(None, -2, product, product)
    sale(CustomerFactory(email=buyer.email), -3, product, kind="return")

    assert quality.check(as_of=DAY).to_json() | {"seconds": 0} == before | {"seconds": 0}


@pytest.mark.django_db
def test_orders_of_days_to_come_stop_the_run():
    order = OrderFactory(number="F1", ordered_at=at(date(2100, 1, 1)))

    report = quality.check(as_of=DAY)

    assert not report.passed
    assert report.stopping[0].code == "FUTURE_DATE"
    assert report.stopping[0].samples == (f"{order.source} F1",)
    assert "at most 1 % may" in report.words


@pytest.mark.django_db
def test_lines_of_unknown_products_stop_the_run_until_somebody_assigns_them(settings):
    batch = ImportBatchFactory(status="committed", lines=100, new=97, refused=3)
    RefusedRowFactory(batch=batch, code="quantity_zero")
    unknown = LabelSuggestionFactory(label="mystery", seen=2, origin="import", product=None)

    report = quality.check(as_of=DAY)

    assert found(report)["ZERO_QUANTITY"].count == 1
    assert [(one.code, one.count, one.total) for one in report.stopping] == [
        ("UNKNOWN_PRODUCT", 2, 99)
    ]
    assert found(report)["UNKNOWN_PRODUCT"].samples == ("mystery",)

    settings.CRM_QUALITY_MAX_SHARES = {"UNKNOWN_PRODUCT": 0.5}
    assert quality.check(as_of=DAY).passed
    # What the settings of the run say goes before what the environment says.
    assert not quality.check(
        as_of=DAY, settings=RecoSettings(quality={"UNKNOWN_PRODUCT": 0})
    ).passed

    unknown.product = ProductFactory()
    unknown.status, unknown.decided_at = "accepted", at(DAY)
    unknown.save()
    assert quality.check(as_of=DAY, settings=RecoSettings(quality={"UNKNOWN_PRODUCT": 0})).passed


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"NO_SUCH": 0.1}, "no rule of data quality 'NO_SUCH'"),
        ({"MISSING_EMAIL": 1.5}, "from 0 to 1"),
        ({"MISSING_EMAIL": True}, "from 0 to 1"),
    ],
)
def test_largest_shares_that_make_no_sense_are_refused_in_words(shares, words):
    with pytest.raises(CrmError, match=words):
        quality.check(as_of=DAY, settings=RecoSettings(quality=shares))


def test_a_share_that_is_just_the_largest_does_not_stop():
    assert judge([Counted("UNKNOWN_PRODUCT", 1, 100)], as_of=DAY).passed
    assert not judge([Counted("UNKNOWN_PRODUCT", 2, 199)], as_of=DAY).passed
