"""Refreshes that are killed, that meet, that meet writers and readers, and the roles' rights."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path

import pytest
from django.db import OperationalError, connection, connections, transaction

from analytics.models import CustomerProfile
from analytics.selectors.profiles import profile_rows, taste_profiles
from analytics.services import profiles
from analytics.services.profiles import refresh_profiles
from crm_project.common.exceptions import ConflictError
from crm_project.common.models import RefreshState
from tests.analytics.profile_support import buy, goods
from tests.analytics.support import at, shop
from tests.analytics.test_roles import as_application  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[2]
DAY = date(2011, 11, 9)


@pytest.fixture
def two_refreshed():
    """Customers A and B with a profile each, and a change of A's that is not yet looked at."""
    mug, lamp = goods(mug={"family": "Mugs"}, lamp={"family": "Lamps"})
    buy("A", "2011-11-01", (mug, 10))
    buy("B", "2011-11-01", (lamp, 10))
    refresh_profiles(as_of=DAY)
    buy("A", "2011-11-02", (lamp, 90))


def orders_of():
    return dict(CustomerProfile.objects.values_list("customer__code", "orders"))


class TestFailing:
    """Whatever ends a refresh on its way, the former profiles and the log stay."""

    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.mark.parametrize("step", [0, 1, 2])
    def test_a_refresh_that_is_stopped_leaves_the_former_profiles(self, two_refreshed, step):
        calls = []

        def stop(done, total, message):
            calls.append(message)
            if len(calls) > step:
                raise RuntimeError("stopped")

        with pytest.raises(RuntimeError, match="stopped"):
            refresh_profiles(as_of=DAY, progress=stop)

        assert orders_of() == {"A": 1, "B": 1}
        assert "RuntimeError" in RefreshState.objects.latest("started_at").error
        assert (refresh_profiles(as_of=DAY).written, orders_of()["A"]) == (1, 2)

    def test_a_lost_connection_leaves_them_too(self, two_refreshed):
        def cut(done, total, message):
            if done == 1:
                with connection.cursor() as cursor:
                    cursor.execute("select pg_terminate_backend(pg_backend_pid())")

        with pytest.raises(OperationalError):
            refresh_profiles(as_of=DAY, progress=cut)
        connection.close()
        assert orders_of() == {"A": 1, "B": 1}
        assert refresh_profiles(as_of=DAY).written == 1

    @pytest.mark.slow
    @pytest.mark.timeout(120)
    def test_a_killed_process_leaves_them_too(self, two_refreshed, tmp_path):
        mark = tmp_path / "computing"
        process = subprocess.Popen(
            [sys.executable, "-c", _SCRIPT.format(
                name=connection.settings_dict["NAME"], mark=str(mark)
            )],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "crm_project.settings"},
            stderr=subprocess.PIPE,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not mark.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
        assert mark.exists(), errors.decode()

        assert orders_of() == {"A": 1, "B": 1}
        _wait_until_free()
        assert (refresh_profiles(as_of=DAY).written, orders_of()["A"]) == (1, 2)


_SCRIPT = """
import sys, time, django
from pathlib import Path
from datetime import date
from django.conf import settings
settings.DATABASES['default']['NAME'] = {name!r}
django.setup()
from analytics.services.profiles import refresh_profiles

def hang(done, total, message):
    if done == 1:
        Path({mark!r}).touch()
        time.sleep(60)

refresh_profiles(as_of=date(2011, 11, 9), progress=hang)
"""


def _wait_until_free():
    """The server notices within moments that its client has gone."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_xact_lock(%s)", [profiles._LOCK])
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("the lock of the killed refresh was never released")


class TestMeeting:
    pytestmark = pytest.mark.django_db(transaction=True)

    def test_two_at_once_one_is_told_so_and_readers_and_writers_go_on(
        self, two_refreshed, in_thread
    ):
        reached, go_on = threading.Event(), threading.Event()

        def pause(done, total, message):
            if done == 1:
                reached.set()
                assert go_on.wait(30)

        finish = in_thread(refresh_profiles, as_of=DAY, progress=pause)
        try:
            assert reached.wait(30)
            with pytest.raises(ConflictError, match="already"):
                refresh_profiles(as_of=DAY)
            with connections["default"].cursor() as cursor:
                cursor.execute("set lock_timeout = '2s'")
            assert orders_of() == {"A": 1, "B": 1}
            # An order that comes meanwhile waits for nobody, and is for the next refresh.
            shop({"C": [(at("2011-11-03"), "5")]})
        finally:
            go_on.set()
        assert finish().written == 1
        assert refresh_profiles(as_of=DAY).customers == 1
        assert orders_of() == {"A": 2, "B": 1, "C": 1}

    def test_what_was_not_committed_is_left_for_the_next_refresh(self, two_refreshed, in_thread):
        with transaction.atomic():
            buy("B", "2011-11-05", (goods(cup={})[0], 7))
            assert in_thread(refresh_profiles, as_of=DAY)().customers == 1
        assert orders_of() == {"A": 2, "B": 1}
        assert refresh_profiles(as_of=DAY).customers == 1
        assert orders_of() == {"A": 2, "B": 2}


@pytest.mark.django_db
@pytest.mark.owner
def test_the_applications_role_refreshes_and_reads(two_refreshed, as_application):  # noqa: F811
    as_application()
    assert refresh_profiles(as_of=DAY).written == 1
    assert len(list(profile_rows(as_of=DAY))) == 2


@pytest.mark.django_db
def test_reading_costs_the_same_for_one_and_for_many(django_assert_num_queries):
    mug, lamp = goods(mug={"family": "Mugs"}, lamp={})
    for number in range(7):
        buy(f"C{number}", "2011-11-01", (mug, 10), (lamp, 5))
    refresh_profiles(as_of=DAY)

    with django_assert_num_queries(4):  # ids, profiles, labels, no more ids
        assert len(list(taste_profiles(as_of=None))) == 7
    with django_assert_num_queries(4):
        assert len(list(taste_profiles(as_of=DAY))) == 7
    some = list(CustomerProfile.objects.values_list("customer_id", flat=True)[:3])
    with django_assert_num_queries(2):
        assert [key for key, _ in taste_profiles(as_of=DAY, customer_ids=some)] == sorted(some)
    chunks = [key for key, _ in taste_profiles(as_of=None, chunk=2)]
    assert chunks == sorted(chunks)
    assert len(chunks) == 7


@pytest.mark.django_db
def test_the_master_profile_has_the_columns_of_the_seed():
    (wine,) = goods(wine={"family": "Red", "grape": "Syrah", "aroma_woody": 4, "aroma_spicy": 3})
    for day in ("2011-10-01", "2011-11-01"):
        buy("A", day, (wine, 30))
    shop({"P": [], "T": [(at("2011-11-01"), "5")]}, T={"is_test": True})
    refresh_profiles(as_of=DAY)

    with connection.cursor() as cursor:
        cursor.execute("select * from crm.client_master_profile order by customer_code")
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    wanted = "recence_jours nb_commandes ca_ht r_score f_score m_score rfm segment"
    tops = [f"top_{name}_{n}" for name in ("family", "grape", "sugar", "budget") for n in (1, 2, 3)]
    assert {*wanted.split(), *tops, *(f"{top}_ca_share" for top in tops)} <= set(names)
    assert [row["customer_code"] for row in rows] == ["A", "P"]
    first, prospect = rows
    assert (first["top_grape_1"], first["top_grape_1_ca_share"], first["top_sugar_1"]) == (
        "Syrah", 1, None,
    )  # fmt: skip
    assert (first["aroma_axe_1"], float(first["aroma_score_1"])) == ("woody", 0.75)
    assert (first["aroma_axe_2"], float(first["aroma_score_2"])) == ("spicy", 0.5)
    assert (round(first["aroma_confidence"], 4), first["aroma_level"]) == (0.3333, "low")
    assert (prospect["orders"], prospect["top_family_1"], prospect["aroma_level"]) == (
        None, None, None,
    )  # fmt: skip
