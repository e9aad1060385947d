"""Prometheus learns who is connected, how long transactions last and how far standbys are."""

from types import SimpleNamespace

import psycopg
import pytest
from django.db import DatabaseError, connection
from prometheus_client import CollectorRegistry

from crm_project.common import metrics_database
from crm_project.common.metrics_database import DatabaseMetrics

pytestmark = pytest.mark.django_db(transaction=True)


def values():
    registry = CollectorRegistry()
    registry.register(DatabaseMetrics())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


@pytest.fixture
def idler():
    """Somebody who began a transaction and does nothing."""
    config = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    given = {name: config[key] for name, key in names.items() if config[key]}
    with psycopg.connect(dbname=config["NAME"], **given) as somebody:
        somebody.execute("select 1")
        yield somebody


def test_who_is_connected_is_counted_by_what_they_do(idler):
    found = values()

    assert found["crm_database_connections", "active"] >= 1
    assert found["crm_database_connections", "idle in transaction"] >= 1
    assert found["crm_database_oldest_transaction_seconds",] > 0
    assert found["crm_database_connections_limit",] >= 20
    assert found["crm_database_size_bytes",] > 1_000_000
    assert found["crm_database_cache_hits",] > 0
    assert found["crm_database_deadlocks",] >= 0


def test_without_standbys_none_is_behind():
    found = values()

    assert found["crm_replication_standbys",] == 0
    assert not [key for key in found if key[0].startswith("crm_replication_lag")]


def test_a_standby_is_named_with_its_lag(monkeypatch):
    said = "select 'postgres-2', 1.5::float8, 4096::float8"
    monkeypatch.setattr(metrics_database, "_STANDBYS", said)

    found = values()

    assert found["crm_replication_standbys",] == 1
    assert found["crm_replication_lag_seconds", "postgres-2"] == 1.5
    assert found["crm_replication_lag_bytes", "postgres-2"] == 4096


def test_a_process_with_a_pool_says_how_much_of_it_is_used(monkeypatch):
    class Pool:
        def get_stats(self):
            return {"pool_size": 4, "pool_available": 1, "requests_waiting": 2}

    monkeypatch.setattr(metrics_database, "connection", SimpleNamespace(pool=Pool()))

    found = {metric.name: metric.samples[0].value for metric in metrics_database._pool()}

    assert found == {
        "crm_database_pool_size": 4,
        "crm_database_pool_available": 1,
        "crm_database_requests_waiting": 2,
    }


def test_without_a_database_there_are_just_no_numbers(monkeypatch):
    def away(query):
        raise DatabaseError("gone")

    monkeypatch.setattr(metrics_database, "_rows", away)

    assert values() == {}
