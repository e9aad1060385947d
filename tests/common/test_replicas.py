"""Which requests and which rows may come from a replica; the real one is in tests/proofs."""

import environ
import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import MiddlewareNotUsed
from django.db import router

from crm_project import databases
from crm_project.common.models import ApiToken, Job, User
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
        ("get", "/admin/recommendations/uplift/", True),
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
