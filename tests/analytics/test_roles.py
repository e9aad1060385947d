"""The application's role scores without owning tables: what needs the owner goes by functions."""

from datetime import date

import pytest
from django.db import ProgrammingError, connection, transaction

from analytics.models import CurrentCluster, CurrentRfmScore, Segmentation
from analytics.selectors.embeddings import taste_vectors
from analytics.selectors.search import search
from analytics.services.embedding_models import build_index
from analytics.services.embeddings import embed_customers
from analytics.services.rfm import score_rfm, thin_runs
from analytics.services.saved_segment_builds import rebuild_saved_segment
from analytics.services.segmentation_verdicts import compare_newest
from analytics.services.segmentations import build, thin_segmentations
from analytics.services.signal_reports import refresh_signal_reports
from tests.analytics import embedding_support
from tests.analytics.saved_segments import ANYBODY, segment
from tests.analytics.segmentation_support import QUICK
from tests.analytics.segmentation_support import shop as buyers
from tests.analytics.support import shop
from tests.factories import CustomerFactory
from tests.signals import a_signal

pytestmark = [pytest.mark.django_db, pytest.mark.owner]

SHOP = {"A": [("2011-11-09", "10")], "B": [("2011-11-01", "20")], "C": []}


@pytest.fixture
def as_application():
    """Become a role that may read and write rows, and call the pipeline's functions."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            create role crm_app_in_test nologin;
            grant usage on schema public, crm_private to crm_app_in_test;
            grant select, insert, update, delete on all tables in schema public
                to crm_app_in_test;
            grant usage on all sequences in schema public to crm_app_in_test;
            grant execute on all functions in schema crm_private to crm_app_in_test;
            """
        )

        def become():
            cursor.execute("set local role crm_app_in_test")

        yield become
        cursor.execute("reset role")


def test_it_scores_refreshes_and_thins(as_application):
    shop(SHOP)
    as_application()

    old = score_rfm(as_of=date(2011, 11, 8))
    score_rfm(as_of=date(2011, 11, 9), window_days=30)

    assert CurrentRfmScore.objects.count() == 2
    assert thin_runs(today=date(2012, 6, 1)) == [old.pk]


def test_it_groups_customers_compares_the_groups_and_thins_them(as_application):
    buyers(60)
    as_application()

    old = build(as_of=date(2011, 8, 30), effort=QUICK)
    build(as_of=date(2011, 9, 1), effort=QUICK)
    compared = compare_newest(effort=QUICK)

    assert {row.kind for row in old.made} == {"rfm_map", "rfm"}
    assert CurrentCluster.objects.count() == 120
    assert len(compared.comparisons) == 1
    assert set(thin_segmentations(today=date(2012, 6, 1))) >= {
        row.pk for row in Segmentation.objects.filter(as_of=date(2011, 8, 30), kind="rfm")
    }


def test_it_reports_on_signals_and_searches_them(as_application):
    a_signal(CustomerFactory(), signal_data={"title": "needle"})
    as_application()

    reports = refresh_signal_reports()

    assert (reports.scored.scored, reports.counted.days) == (1, 1)
    assert len(search("needel").hits) == 1


def test_it_rebuilds_saved_segments(as_application):
    CustomerFactory(code="C1")
    saved = segment(rule=ANYBODY)
    as_application()

    assert rebuild_saved_segment(segment_id=saved.pk).members == 1


def test_it_embeds_and_builds_the_index_of_a_model(as_application):
    embedding_support.wine_shop()
    as_application()

    done = embed_customers(all=True)

    assert (done.embedded, done.switched) == (16, True)
    assert build_index(done.model, at_least=1)
    assert taste_vectors().matrix.shape == (16, 128)


@pytest.mark.parametrize(
    "statement",
    [
        "create table public.mine (id int)",
        "drop table analytics_rfmscore",
        "refresh materialized view analytics_rfmgrid",
        "select * from crm_private.business",
    ],
)
def test_it_may_do_nothing_of_that_by_itself(as_application, statement):
    as_application()
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_nobody_else_may_call_the_functions(as_application):
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_proc where pronamespace = 'crm_private'::regnamespace"
            " and has_function_privilege('public', oid, 'execute')"
        )
        assert cursor.fetchone() == (0,)


def test_every_function_with_its_owners_rights_fixes_its_search_path(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_proc where pronamespace = 'crm_private'::regnamespace"
            " and prosecdef and not coalesce(proconfig::text, '') like '%search_path=%pg_temp%'"
        )
        assert cursor.fetchone() == (0,)
