"""The audit finds what is wrong with lists, each rule at its border."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from crm_project.common.exceptions import ConflictError, CrmError
from customers.models import ContactPolicy
from recommendations.models import AuditItem, RecoAudit
from recommendations.scoring import audit_rules as rules
from recommendations.services.audit import audit, lock_run
from tests.factories import (
    ContactEventFactory,
    CustomerFactory,
    OrderFactory,
    OrderItemFactory,
    ProductFactory,
)
from tests.recommendations.storage import make_config, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_held_out():
    ContactPolicy.objects.update(holdout_share=0)


def bought(customer, days, *products, price="10", kind="sale", quantity=1):
    order = OrderFactory(
        customer=customer, kind=kind, ordered_at=timezone.now() - timedelta(days=days)
    )
    for ordinal, product in enumerate(products, start=1):
        OrderItemFactory(
            order=order,
            ordinal=ordinal,
            product=product,
            unit_price=Decimal(price),
            quantity=quantity,
        )


def wine(**fields):
    return ProductFactory(**{"price": Decimal(10), "family": "red", **fields})


def offer(scenario="REBUY", price="10", **fields):
    return {"scenario": scenario, "price": Decimal(price) if price else None, **fields}


def codes(run, customer):
    found = AuditItem.objects.filter(run=run, customer=customer).order_by("ordinal")
    return [(item.code, item.rank) for item in found]


def found_for(*items, customer=None, **fields):
    customer = customer or CustomerFactory()
    listed = [(customer, product, rank, row) for rank, (product, row) in enumerate(items, start=1)]
    run = make_run(listed, **fields)
    audit(run=run)
    return codes(run, customer)


def test_a_good_list_has_a_hundred_points_and_may_leave():
    customer, product = CustomerFactory(), wine()
    bought(customer, 60, product)
    run = make_run([(customer, product, 1, offer())])

    result = audit(run=run)

    row = RecoAudit.objects.get(run=run, customer=customer)
    assert (row.score, row.errors, row.warnings, row.exportable) == (100, 0, 0, True)
    assert (result.customers, result.exportable, result.mean_score) == (1, 1, 100)
    assert result.gate["passed"]
    assert "1 of 1 lists may leave" in result.words


def test_what_was_bought_less_than_60_days_ago_or_stands_twice_is_an_error():
    customer, early, late = CustomerFactory(), wine(), wine(family="white")
    bought(customer, 60, early)
    bought(customer, 59, late)

    found = found_for((early, offer()), (late, offer()), (early, offer()), customer=customer)

    assert found == [("RECENT_DUPLICATE", 2), ("RECENT_DUPLICATE", 3)]


def test_products_that_are_gone_or_unpriced_or_no_articles_are_errors():
    found = found_for(
        (wine(is_active=False), offer()),
        (wine(family="white"), offer(price=None)),
        (ProductFactory(charge=True), offer()),
    )

    assert found == [("INACTIVE_PRODUCT", 1), ("MISSING_PRICE", 2), ("UNKNOWN_PRODUCT", 3)]


def test_what_is_sold_out_out_of_season_or_was_sent_back_is_an_error():
    customer, back = CustomerFactory(), wine()
    bought(customer, 200, back)
    bought(customer, 1, back, kind="return")
    months = [(timezone.localdate() + timedelta(days=days)).strftime("%b") for days in (0, 90)]

    found = found_for(
        (wine(stock=0), offer()),
        (wine(stock=1), offer()),
        (wine(season_tags=months[:1]), offer()),
        (wine(season_tags=months[1:]), offer()),
        (wine(season_tags=["any time"]), offer()),
        (back, offer()),
        customer=customer,
    )

    errors = [one for one in found if one[1]]
    assert errors == [("OUT_OF_SEASON", 4), ("OUT_OF_STOCK", 1), ("RETURNED", 6)]


def test_a_shop_without_prices_may_say_so():
    config = make_config(hash="1" * 64, require_price=False)
    config.status = "draft"

    assert found_for((wine(), offer(price=None)), config=config) == []


@pytest.mark.parametrize(
    ("fields", "price", "wrong"),
    [
        ({"premium_tier": 1}, "99", True),
        ({"premium_tier": 2}, "5", False),
        ({}, "10", True),
        ({}, "11", False),
    ],
)
def test_an_upsell_is_higher_in_tier_or_where_there_is_none_in_price(fields, price, wrong):
    customer = CustomerFactory()
    bought(customer, 100, wine(premium_tier=1))

    found = found_for((wine(family="white", **fields), offer("UPSELL", price)), customer=customer)

    assert (("UPSELL_NOT_HIGHER", 1) in found) is wrong


def test_a_cross_sell_is_new_and_of_another_family():
    customer, red, white = CustomerFactory(), wine(), wine(family="white")
    bought(customer, 300, red, price="100")
    bought(customer, 300, white, price="10")

    found = found_for(
        (wine(family="white"), offer("CROSS_SELL")),
        (wine(family="red"), offer("CROSS_SELL")),
        (white, offer("CROSS_SELL")),
        customer=customer,
    )

    assert found == [("CROSS_SELL_NOT_NEW", 2), ("CROSS_SELL_NOT_NEW", 3)]


def test_what_came_back_in_full_makes_no_main_family():
    customer, red = CustomerFactory(), wine()
    bought(customer, 300, red, price="100")
    bought(customer, 290, red, price="100", kind="return")
    bought(customer, 280, wine(family="white"))

    assert found_for((wine(), offer("CROSS_SELL")), customer=customer) == []


def test_warnings_cost_ten_points_each_and_three_close_the_gate():
    customer = CustomerFactory()
    bought(customer, 200, wine(sugar_level="dry"), price="4")
    sweet = [wine(sugar_level="sweet") for _ in range(3)]
    run = make_run(
        [(customer, product, rank, offer(price="9", score=29))
         for rank, product in enumerate(sweet, start=1)]
    )  # fmt: skip

    audit(run=run)

    names = {code for code, _ in codes(run, customer)}
    assert names == {"ATTRIBUTE_MISMATCH", "LOW_DIVERSITY", "LOW_SCORE", "PRICE_JUMP"}
    row = RecoAudit.objects.get(run=run)
    assert (row.score, row.errors, row.warnings, row.exportable) == (0, 0, 10, False)


def test_contact_is_judged_on_the_data_of_the_audit_not_of_the_run():
    without, out, silent, border = (
        CustomerFactory(email=""),
        CustomerFactory(is_optout=True, is_bounced=True),
        CustomerFactory(),
        CustomerFactory(),
    )
    run = make_run([(who, wine(), 1, offer()) for who in (without, out, silent, border)])
    local = timezone.localtime()
    ContactEventFactory(customer=silent, occurred_at=local - timedelta(days=134))
    ContactEventFactory(customer=border, occurred_at=local - timedelta(days=135))

    result = audit(run=run)

    assert codes(run, without) == [("MISSING_EMAIL", None)]
    assert codes(run, out) == [("OPTOUT_OR_BOUNCE", None)]
    assert codes(run, silent) == [("SILENCE_WINDOW", None)]
    assert codes(run, border) == []
    details = AuditItem.objects.get(run=run, customer=silent).details
    assert details["evidence"]["days_since_contact"] == 134
    assert details["next_allowed_at"]
    # One missing address blocks its customer, never the run.
    assert result.gate["passed"]
    assert result.checks["mean_score"] == 70
    assert result.checks["summary"]["mean_audit_score"] == 100


def test_an_audit_is_repeated_in_place_and_two_at_once_exclude_each_other(in_thread):
    customer = CustomerFactory()
    run = make_run([(customer, wine(is_active=False), 1, offer())])
    audit(run=run)
    customer.email = ""
    customer.save()

    audit(run=run, policy="permissive")

    assert codes(run, customer) == [("MISSING_EMAIL", None), ("INACTIVE_PRODUCT", 1)]
    run.refresh_from_db()
    assert run.gate["policy"] == "permissive"
    assert RecoAudit.objects.get(run=run).score == 20


@pytest.mark.django_db(transaction=True)
def test_a_second_audit_at_once_is_told_to_come_back(in_thread):
    run = make_run([(CustomerFactory(), wine(), 1, offer())])
    with transaction.atomic():
        lock_run(run)
        finish = in_thread(audit, run=run)
        with pytest.raises(ConflictError, match="right now"):
            finish()
    audit(run=run)
    assert RecoAudit.objects.filter(run=run).count() == 1


def test_runs_without_items_and_unknown_policies_are_refused_in_words():
    run = make_run([(CustomerFactory(), wine(), 1, offer())], current=False)
    with pytest.raises(CrmError, match="no gate policy 'lax'"):
        audit(run=run, policy="lax")
    run.items_dropped_at = timezone.now()
    run.save()
    with pytest.raises(CrmError, match="thinned out"):
        audit(run=run)


def figures(**changes):
    usual = {
        "eligible": 100,
        "with_list": 80,
        "offerable": 10,
        "times": [10] * 10,
        "scenarios": {"REBUY": 100},
        "scores": [0, 0, 0, 0, 0, 50, 50, 0, 0, 0],
        "mean_item_score": 60.0,
        "mean_audit_score": 80.0,
    }
    return rules.RunFigures(**usual | changes)


def level(code, made, before=None):
    return {check.code: check.level for check in rules.run_checks(made, before)}[code]


@pytest.mark.parametrize(
    ("most", "expected"), [(16, "ok"), (17, "warning"), (32, "warning"), (33, "error")]
)
def test_one_product_in_too_many_lists_is_told(most, expected):
    assert level("TOP_PRODUCT", figures(times=[most])) == expected


def test_a_mix_that_moved_away_from_the_last_run_is_told():
    before = rules.summary(figures(scenarios={"REBUY": 50, "UPSELL": 50}))

    assert level("SCENARIO_MIX", figures(scenarios={"REBUY": 52, "UPSELL": 48}), before) == "ok"
    assert level("SCENARIO_MIX", figures(), before) == "warning"
    assert level("SCENARIO_MIX", figures()) == "none"
    assert level("MEAN_SCORE", figures(scores=[0] * 9 + [100]), before) == "warning"


@pytest.mark.parametrize(
    ("policy", "score", "lists", "passed"),
    [
        ("strict", 80, 70, True),
        ("strict", 79.99, 70, False),
        ("strict", 80, 69, False),
        ("standard", 60, 50, True),
        ("standard", 60, 49, False),
        ("permissive", 40, 30, True),
        ("permissive", 39, 30, False),
        ("permissive", None, 0, False),
    ],
)
def test_the_gate_opens_at_the_borders_of_a_policy(policy, score, lists, passed):
    made = figures(mean_audit_score=score, with_list=lists, times=[1] * 10)
    tested = rules.backtest_check(mode="signals", tested=False)

    result = rules.gate(rules.POLICIES[policy], made, rules.run_checks(made), backtest=tested)

    assert result["passed"] is passed
    assert bool(result["reasons"]) is not passed


def test_a_leak_closes_every_gate():
    made = figures(leaks=1, times=[1] * 10)
    result = rules.gate(
        rules.POLICIES["permissive"],
        made,
        rules.run_checks(made),
        backtest=rules.backtest_check(mode="weighted", tested=True),
    )
    assert result["reasons"] == ["1 customers of a control arm were exported."]
