"""Back-tests of recommendations: service, command, job and API on a shop in the database."""

import json
from collections import Counter, defaultdict
from datetime import date, timedelta
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import Job, RefreshState
from crm_project.common.tasks import run_job
from orders.models import OrderItem
from recommendations.models import BacktestRun, RecoItem
from recommendations.scoring import baselines_als
from recommendations.scoring.backtest_plans import PLANS, simplest
from recommendations.scoring.chance_fit import NEWS
from recommendations.selectors.run_plan import plan_of, settings_of
from recommendations.services import backtests
from recommendations.services.configs import active_config
from recommendations.services.runs import recommend
from tests.api import errors
from tests.factories import UserFactory
from tests.recommendations.run_shop import sell, small_shop

pytestmark = pytest.mark.django_db

LAST = date(2011, 9, 1)
SMALL = backtests.Options(origins=2, warm_up=1, draws=60)


def regulars(customers=40, products=12):
    """A shop where each customer buys two favourites about every month, and something else."""
    people, goods = small_shop(customers=customers, products=products)
    source = np.random.default_rng(3)
    bought = []
    for place, person in enumerate(people[:-1]):
        favourites = source.choice(products, size=2, replace=False)
        for step in range(8):
            day = LAST - timedelta(days=step * 31 + place % 20)
            other = int(source.integers(products))
            basket = {*favourites.tolist(), other}
            bought.append((person, day, [goods[one] for one in sorted(basket)]))
    sell(bought)
    return people, goods


def test_a_back_test_stores_every_table_and_the_next_run_believes_it():
    regulars()
    user = UserFactory()
    told = []

    made = backtests.run(
        as_of=LAST, options=SMALL, user=user, progress=lambda *what: told.append(what)
    )

    made.refresh_from_db()
    assert (made.status, made.is_current, made.created_by) == ("succeeded", True, user)
    assert len(made.origins) == 2
    assert max(made.origins) < LAST.isoformat()
    tables = {(table["target"], table["exclusion"]): table for table in made.results["tables"]}
    assert set(tables) == {
        (target, exclusion) for target in ("basket", "later") for exclusion in (True, False)
    }
    names = {row["name"] for row in tables["basket", True]["rows"]}
    assert {"ours", "random", "popular", "popular_30", "own_counts", "own_filled", "own_decayed",
            "ease", "ease_new", "tifu"} <= names  # fmt: skip
    without = tables["basket", False]
    rows = {row["name"]: row for row in without["rows"]}
    assert rows["own_decayed"]["at3"]["hit"] > rows["random"]["at3"]["hit"]
    assert rows["random"]["ours_minus"]["ndcg"]["low"] > 0
    assert (
        sum(group["customers"] for group in rows["ours"]["groups"].values())
        == (without["customers"])
    )
    assert {slot["scenario"] for slot in made.results["slots"]} >= {"REBUY", "CROSS_SELL"}
    assert made.chosen["mode"] in {"weighted", "signals"}
    plan = plan_of(config=active_config(), as_of=LAST)
    assert (plan.backtest, plan.mode) == (made, made.chosen["mode"])
    assert told[0][2] == "Reading the orders"
    assert RefreshState.objects.get(name="back-test").rows == made.results["customers"]


def test_a_kind_of_items_that_fell_back_is_offered_in_the_simplest_order_by_the_next_run():
    regulars()
    config = active_config()
    values = simplest(settings_of(config), PLANS[0], None, (NEWS,))
    told = "CROSS_SELL items were not bought more often than what was popular."
    made = BacktestRun.objects.create(
        as_of=LAST,
        status="succeeded",
        is_current=True,
        chosen={"mode": "signals", "values": values, "falls_back": [told]},
    )

    run = recommend(as_of=LAST)

    assert (run.backtest, told in run.words) == (made, True)
    demand = demands_of(run)
    assert len(demand) > 5
    assert all(each == sorted(each, reverse=True) for each in demand)
    # Without the back-test, what was bought together with the own products counts as well.
    BacktestRun.objects.all().delete()
    others = demands_of(recommend(as_of=LAST))
    assert any(each != sorted(each, reverse=True) for each in others)


def demands_of(run):
    """Of each list, how many customers lately bought its CROSS_SELL products, by rank."""
    since = LAST - timedelta(days=30)
    lately = OrderItem.objects.filter(order__ordered_at__date__gt=since)
    buyers = Counter(
        product for product, _ in lately.values_list("product_id", "order__customer_id").distinct()
    )
    offered = defaultdict(list)
    for item in RecoItem.objects.filter(run=run, scenario="CROSS_SELL").order_by("rank"):
        offered[item.customer_id].append(buyers[item.product_id])
    return list(offered.values())


def test_what_happens_after_a_day_changes_nothing_about_it():
    people, goods = regulars()
    before = backtests.preview(as_of=LAST, options=SMALL)
    sell([(person, LAST + timedelta(days=9), goods) for person in people])

    after = backtests.preview(as_of=LAST, options=SMALL)

    assert after.results == before.results
    assert after.chosen == before.chosen
    assert after.data_version == before.data_version
    assert not BacktestRun.objects.exists()


def test_without_the_peer_the_table_says_so(monkeypatch):
    regulars(customers=15)
    monkeypatch.setattr(baselines_als, "library", lambda: None)

    made = backtests.run(as_of=LAST, options=SMALL)

    names = {row["name"] for row in made.results["tables"][0]["rows"]}
    assert "als" not in names
    assert made.results["absent"]["als"] in made.words[-1]


def test_a_failed_back_test_leaves_the_former_one_current_and_tells_why():
    regulars(customers=15)
    known = backtests.run(as_of=LAST, options=SMALL)

    with pytest.raises(CrmError, match="not enough past orders"):
        backtests.run(as_of=date(2009, 1, 1), options=SMALL)

    failed = BacktestRun.objects.exclude(pk=known.pk).get()
    assert failed.status == "failed"
    assert "customers who ordered again" in failed.error
    known.refresh_from_db()
    assert known.is_current
    with pytest.raises(CrmError, match="still to come"):
        backtests.run(as_of=date(2999, 1, 1))


def test_a_past_day_only_adds_to_the_history_and_a_dead_one_is_closed():
    regulars(customers=15)
    dead = BacktestRun.objects.create(as_of=LAST)
    newest = backtests.run(as_of=LAST, options=SMALL)
    older = backtests.run(as_of=LAST - timedelta(days=20), options=SMALL)

    newest.refresh_from_db()
    dead.refresh_from_db()
    assert (newest.is_current, older.is_current) == (True, False)
    assert (dead.status, dead.error) == ("failed", "It was interrupted.")


@pytest.mark.django_db(transaction=True)
def test_a_second_back_test_is_refused_while_one_is_under_way():
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(%s)", [backtests._LOCK])
        with pytest.raises(ConflictError, match="under way already"):
            backtests.run(as_of=LAST)
    finally:
        other.close()
    assert not BacktestRun.objects.exists()


class TestCommand:
    def test_it_prints_the_table_of_all_methods_and_stores_nothing_when_asked(self):
        regulars(customers=15)
        out = StringIO()

        call_command("backtest_recommendations", "--as-of", "2011-09-01", "--origins", "1",
                     "--dry-run", stdout=out)  # fmt: skip

        shown = out.getvalue()
        for words in ("Our lists", "Popularity, last 30 days", "TIFU-kNN", "60-day exclusion",
                      "Next 90 days", "REBUY", "Plans that competed"):  # fmt: skip
            assert words in shown
        assert not BacktestRun.objects.exists()

    def test_its_json_is_the_stored_row(self):
        regulars(customers=15)
        out = StringIO()

        call_command("backtest_recommendations", "--as-of", "2011-09-01", "--origins", "1",
                     "--json", stdout=out)  # fmt: skip

        facts = json.loads(out.getvalue())
        made = BacktestRun.objects.get()
        assert (facts["backtest"], facts["results"]) == (made.pk, made.results)

    @pytest.mark.parametrize("asked", [["--origins", "99"], ["--spacing", "-3"]])
    def test_what_makes_no_sense_is_refused_in_words(self, asked):
        with pytest.raises(CommandError, match="Give 1 to"):
            call_command("backtest_recommendations", *asked)


class TestApi:
    def test_it_starts_a_job_that_makes_one_and_reads_it(
        self, api, django_capture_on_commit_callbacks
    ):
        regulars(customers=15)
        with django_capture_on_commit_callbacks(execute=False):
            answer = api.post("reco-backtests", {"as_of": "2011-09-01", "origins": 1})

        assert answer.status_code == 202
        job = Job.objects.get(kind="backtest")
        run_job(str(job.pk))
        job.refresh_from_db()
        assert job.status == "succeeded", job.error
        made = BacktestRun.objects.get()
        assert job.result["backtest_id"] == made.pk
        assert api.get(f"reco-backtests/{made.pk}").json()["results"] == made.results
        row = api.get("reco-backtests", {"is_current": "true"}).json()["results"][0]
        assert (row["id"], row["chosen"]) == (made.pk, made.chosen)
        assert "results" not in row

    def test_starting_needs_the_right_to_write(self, api, client, staff_user):
        assert api.with_scopes("recommendations:read").post("reco-backtests", {}).status_code == 403
        assert api.with_scopes("customers:read").get("reco-backtests").status_code == 403
        client.force_login(staff_user)
        assert client.get("/api/v1/reco-backtests").status_code == 403
        assert not Job.objects.exists()

    @pytest.mark.parametrize(
        "asked", [{"as_of": "soon"}, {"origins": 0}, {"origins": 99}, {"spacing": "x"}, {"odd": 1}]
    )
    def test_hostile_input_is_refused_in_words(self, api, asked):
        answer = api.post("reco-backtests", asked)
        assert answer.status_code == 400
        assert errors(answer)
        assert api.get("reco-backtests/0").status_code == 404
        assert api.get("reco-backtests/%00").status_code == 404
