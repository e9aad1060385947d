"""Which requests and which rows may come from a replica; the real one is in tests/proofs."""

import environ
import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import MiddlewareNotUsed
from django.db import router

from crm_project import databases
from crm_project.common.models import ApiToken, Job, User
from crm_project.common.replicas import freshness
from crm_project.common.replicas.middleware import ReplicaMiddleware, may_lag
from crm_project.common.replicas.router import reads_from_primary, reads_from_replica
from customers.models import Customer
from recommendations.models import RecoItem


@pytest.mark.parametrize(
    ("method", "path", "lags"),
    [
        ("get", "/api/v1/customers", True),
        ("head", "/api/v1/customers/C1", True),
        ("get", "/api/v1/recommendations/C1", True),
        ("get", "/admin/customers/customer/", True),
        ("get", "/admin/", True),
        ("get", "/admin/analytics/rfmrun/grid/", True),
        ("get", "/admin/analytics/signal/timeline/7/", True),
        ("get", "/admin/recommendations/upliftreport/outcomes/", True),
        ("get", "/admin/recommendations/recorun/3/audit/", True),
        ("get", "/admin/recommendations/recorun/3/decide/", False),
        ("get", "/admin/recommendations/recorun/3/export/", False),
        ("get", "/admin/analytics/savedsegment/rebuild_all/", False),
        ("get", "/admin/customers/importbatch/3/refused.csv", False),
        ("get", "/admin/second-factor/", False),
        ("get", "/admin/customers/customer/1/change/", False),
        ("get", "/admin/customers/customer/add/", False),
        ("get", "/api/v1/jobs/7", False),
        ("post", "/api/v1/customers", False),
        ("patch", "/api/v1/customers/C1", False),
        ("get", "/readyz", False),
    ],
)
def test_only_looks_at_lists_reports_and_the_api_may_lag(rf, method, path, lags):
    assert may_lag(getattr(rf, method)(path)) is lags


def test_the_rows_of_customers_may_come_from_the_replica_and_who_somebody_is_never():
    assert router.db_for_read(Customer) == "default"
    with reads_from_replica():
        assert [router.db_for_read(model) for model in (Customer, RecoItem)] == ["replica"] * 2
        for model in (User, Session, ApiToken, Job):
            assert router.db_for_read(model) == "default"
        assert router.db_for_write(Customer) == "default"
        with reads_from_primary():
            assert router.db_for_read(Customer) == "default"
        assert router.allow_migrate("replica", "customers") is False
        assert router.allow_relation(Customer(), User())
    assert router.db_for_read(Customer) == "default"


class Log:
    """How far a primary has written and its replica replayed, and the time: as the test says."""

    def __init__(self, monkeypatch):
        self.now, self.written, self.replayed = 1000.0, 1000, 1000
        self.while_asked = lambda: None
        monkeypatch.setattr(freshness, "monotonic", lambda: self.now)
        monkeypatch.setattr(freshness, "_place", self._place)
        self.replica = freshness.Freshness(max_lag=5.0)

    def _place(self, alias, query):
        if alias == "default":
            return self.written
        self.while_asked()
        return self.replayed

    def is_fresh_after(self, seconds):
        self.now += seconds
        return self.replica.has(0)


@pytest.fixture
def log(monkeypatch):
    return Log(monkeypatch)


def test_a_replica_that_was_cut_off_while_nobody_asked_is_not_taken_for_fresh(log):
    assert log.is_fresh_after(0)
    log.written = 9_000_000

    assert not log.is_fresh_after(600)
    assert not log.is_fresh_after(1)
    log.replayed = log.written
    assert log.is_fresh_after(1)


@pytest.mark.parametrize("gap", [1, 2.4, 4.9, 6, 60])
def test_however_seldom_somebody_asks_nothing_older_than_promised_is_read(log, gap):
    log.is_fresh_after(0)
    log.written = 9_000_000
    answers = {}
    while log.now <= 1000 + 3 * gap + 5:
        fresh = log.is_fresh_after(gap)
        answers[log.now - 1000] = fresh

    assert not any(fresh for late, fresh in answers.items() if late > 5 + freshness.EVERY)


def test_a_replica_that_is_a_little_behind_is_read(log):
    log.is_fresh_after(0)
    for _ in range(20):
        log.written += 100
        assert log.is_fresh_after(1)
        log.replayed = log.written


def test_who_comes_while_somebody_asks_goes_by_what_is_known_only_if_that_is_recent(log):
    seen = []
    log.while_asked = lambda: seen.append(log.replica.has(0))

    log.is_fresh_after(0)
    log.is_fresh_after(2)
    log.is_fresh_after(600)

    assert seen == [False, True, False]


def env_of(**values):
    env = environ.Env()
    env.ENVIRON = values
    return env


def test_a_replica_is_named_by_a_url_or_by_another_host_and_never_written():
    primary = {"POSTGRES_HOST": "db", "POSTGRES_USER": "app_user", "POSTGRES_PASSWORD": "p"}
    assert set(databases.databases(env_of(**primary))) == {"default"}

    found = databases.databases(env_of(**primary, POSTGRES_REPLICA_HOST="db-ro"))
    assert [found[name]["HOST"] for name in ("default", "replica")] == ["db", "db-ro"]
    assert found["replica"]["USER"] == "app_user"
    assert "default_transaction_read_only=on" in found["replica"]["OPTIONS"]["options"]
    assert "read_only" not in found["default"]["OPTIONS"]["options"]

    url = "postgres://reader:p@standby:5433/crmdb"
    found = databases.databases(env_of(**primary, DATABASE_REPLICA_URL=url))
    assert (found["replica"]["HOST"], found["replica"]["USER"]) == ("standby", "reader")
    several = {**primary, "POSTGRES_HOST": "a,b,c", "POSTGRES_PORT": "1,2,3"}
    found = databases.databases(env_of(**several, POSTGRES_REPLICA_HOST="a,b,c"))
    assert [found[name]["PORT"] for name in ("default", "replica")] == ["1,2,3"] * 2
    wanted = [found[name]["OPTIONS"]["target_session_attrs"] for name in ("default", "replica")]
    assert wanted == ["read-write", "prefer-standby"]
    # Without a server of one's own there is nothing to follow.
    assert set(databases.databases(env_of(POSTGRES_REPLICA_HOST="x"))) == {"default"}


def test_a_server_that_vanished_is_noticed_within_a_minute():
    primary = {"POSTGRES_HOST": "db", "POSTGRES_USER": "app_user", "POSTGRES_PASSWORD": "p"}
    found = databases.databases(env_of(**primary, POSTGRES_REPLICA_HOST="db-ro"))

    for name, seconds in (("default", 10), ("replica", 3)):
        options = found[name]["OPTIONS"]
        assert options["connect_timeout"] == seconds
        assert options["tcp_user_timeout"] <= 60_000
        probes = options["keepalives_count"] * options["keepalives_interval"]
        assert options["keepalives_idle"] + probes <= 60
    url = "postgres://u@db/crm?connect_timeout=2"
    found = databases.databases(env_of(DATABASE_URL=url))
    assert found["default"]["OPTIONS"]["connect_timeout"] == 2


def test_without_a_replica_requests_pass_through_nothing():
    with pytest.raises(MiddlewareNotUsed):
        ReplicaMiddleware(lambda request: None)
