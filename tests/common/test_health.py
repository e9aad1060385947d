"""Probes: alive without anybody's help, ready only when everything needed is there."""

import os
import socket
import subprocess
import sys

import pytest
from django.contrib.sessions.backends.cached_db import SessionStore
from django.db import OperationalError, connection
from prometheus_client import REGISTRY

from crm_project import health
from tests.factories import JobFactory


def test_a_live_process_answers_without_the_database(client):
    """The test has no access to the database: any query would fail it."""
    response = client.get("/livez")

    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
class TestReady:
    def test_it_is_ready_when_everything_is_there(self, client):
        response = client.get("/readyz")

        assert response.status_code == 200
        assert response.json() == {
            "status": "ready",
            "checks": {"database": "ok", "migrations": "ok", "queue": "ok", "disk": "ok"},
        }

    def test_a_queue_that_does_not_answer_is_named(self, client, settings):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"

        response = client.get("/readyz")

        assert response.status_code == 503
        assert response.json()["checks"]["queue"] == "The queue does not answer."

    def test_a_full_disk_is_named(self, client, monkeypatch):
        monkeypatch.setattr(health, "FREE_BYTES", 2**70)

        response = client.get("/readyz")

        assert response.status_code == 503
        assert "are free in" in response.json()["checks"]["disk"]

    def test_a_folder_that_is_not_there_yet_is_no_trouble(self, client, settings, tmp_path):
        settings.CRM_UPLOAD_DIR = tmp_path / "none"

        assert client.get("/readyz").json()["checks"]["disk"] == "ok"

    def test_unapplied_migrations_are_counted(self, client, monkeypatch):
        executor = health.MigrationExecutor
        monkeypatch.setattr(executor, "migration_plan", lambda self, targets: [1, 2, 3])
        monkeypatch.setitem(health._CHECKS, "migrations", health._Migrations())

        response = client.get("/readyz")

        assert response.status_code == 503
        assert response.json()["checks"]["migrations"].startswith("3 migrations")


def away(execute, sql, params, many, context):
    raise OperationalError("server closed the connection unexpectedly")


@pytest.mark.django_db
class TestMetrics:
    @pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}])
    def test_strangers_do_not_find_them(self, client, settings, headers):
        settings.CRM_METRICS_TOKEN = "right"
        assert client.get("/metrics", headers=headers).status_code == 404

    def test_without_a_token_there_are_none(self, client):
        assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404

    def test_they_count_the_waiting_jobs(self, client, settings):
        settings.CRM_METRICS_TOKEN = "right"
        JobFactory()

        page = client.get("/metrics", headers={"authorization": "Bearer right"})

        assert page.status_code == 200
        assert 'crm_jobs{status="queued"} 1.0' in page.content.decode()

    def test_the_processes_of_one_web_server_count_together(
        self, client, settings, monkeypatch, tmp_path
    ):
        settings.CRM_METRICS_TOKEN = "right"
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
        counting = (
            "from prometheus_client import Counter\n"
            "Counter('crm_receive_requests', 'Both.', ['status']).labels('202').inc(3)"
        )
        for _ in range(2):
            subprocess.run([sys.executable, "-c", counting], env=dict(os.environ), check=True)

        page = client.get("/metrics", headers={"authorization": "Bearer right"})

        assert 'crm_receive_requests_total{status="202"} 6.0' in page.content.decode()
        assert 'crm_jobs{status="queued"} 0.0' in page.content.decode()

    def test_a_request_that_fails_before_its_page_is_reached_is_counted(self, client, settings):
        """Who asks is looked up on the way there; the database may be away."""
        settings.CRM_METRICS_TOKEN = "right"
        session = SessionStore()
        session.create()
        client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
        session.delete()
        client.raise_request_exception = False
        counted = ("django_http_responses_total_by_status_total", {"status": "500"})
        before = REGISTRY.get_sample_value(*counted) or 0

        with connection.execute_wrapper(away):
            assert client.get("/admin/").status_code == 500

        assert REGISTRY.get_sample_value(*counted) == before + 1

    def test_a_queue_that_hangs_does_not_hide_the_other_numbers(self, client, settings):
        """A server that takes the connection and says nothing."""
        settings.CRM_METRICS_TOKEN = "right"
        with socket.create_server(("127.0.0.1", 0)) as silent:
            settings.CRM_QUEUE_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            page = client.get("/metrics", headers={"authorization": "Bearer right"})

        text = page.content.decode()
        assert "crm_signal_queue_up 0.0" in text
        assert "crm_signals_quarantined 0.0" in text
        assert 'crm_jobs{status="queued"} 0.0' in text
