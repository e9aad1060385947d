"""What our processes do for the platform: answer probes, show that they live, read settings."""

import os
import re
import subprocess
import sys

import pytest
import redis
from celery.signals import heartbeat_sent
from django.db import connection
from django_celery_beat.schedulers import DatabaseScheduler

from crm_project import alive, embedded
from crm_project.beat import LivingScheduler
from crm_project.embedded.binaries import valkey_program
from crm_project.embedded.errors import EmbeddedRefused
from tests.kubernetes.manifests import ROOT, Manifests
from tests.waiting import wait_until

ADDRESS = "10.42.0.17:8000"
"""The kubelet and Prometheus call a pod by its address."""


class TestProbes:
    @pytest.fixture(autouse=True)
    def as_in_production(self, settings):
        settings.ALLOWED_HOSTS = ["crm.example.com"]
        settings.SECURE_SSL_REDIRECT = True

    def test_a_pod_answers_under_its_address_and_without_tls(self, client):
        assert client.get("/livez", headers={"host": ADDRESS}).status_code == 200

    @pytest.mark.django_db
    def test_readiness_too(self, client):
        assert client.get("/readyz", headers={"host": ADDRESS}).status_code == 200

    @pytest.mark.django_db
    def test_prometheus_too_when_it_knows_the_token(self, client, settings):
        settings.CRM_METRICS_TOKEN = "right"
        headers = {"host": ADDRESS, "authorization": "Bearer right"}

        assert client.get("/metrics", headers=headers).status_code == 200
        assert client.get("/metrics", headers={"host": ADDRESS}).status_code == 404

    def test_everything_else_asks_for_the_right_name_and_for_tls(self, client):
        assert client.get("/admin/login/", headers={"host": ADDRESS}).status_code == 400
        answer = client.get("/admin/login/", headers={"host": "crm.example.com"})
        assert answer.status_code == 301
        assert answer["Location"].startswith("https://")

    def test_a_probe_is_asked_and_not_written_to(self, client):
        assert client.post("/livez", headers={"host": ADDRESS}).status_code == 405


class TestSignsOfLife:
    def test_a_heartbeat_touches_the_file(self, settings, tmp_path):
        settings.CRM_ALIVE_FILE = str(tmp_path / "alive")

        heartbeat_sent.send(sender=None)

        assert (tmp_path / "alive").exists()

    def test_without_a_file_nobody_is_bothered(self, settings, tmp_path, monkeypatch):
        settings.CRM_ALIVE_FILE = ""
        monkeypatch.chdir(tmp_path)

        alive.touch()

        assert list(tmp_path.iterdir()) == []

    def test_beat_touches_it_with_every_look_at_the_schedules(
        self, settings, tmp_path, monkeypatch
    ):
        settings.CRM_ALIVE_FILE = str(tmp_path / "alive")
        monkeypatch.setattr(DatabaseScheduler, "tick", lambda self: 5.0)

        assert LivingScheduler.tick(object.__new__(LivingScheduler)) == 5.0
        assert (tmp_path / "alive").exists()
        assert settings.CELERY_BEAT_SCHEDULER == "crm_project.beat:LivingScheduler"

    @pytest.mark.slow
    @pytest.mark.django_db(transaction=True)
    def test_a_real_worker_touches_it_again_and_again(self, tmp_path):
        """With the pod's own command, and the database and queue of the tests."""
        file = tmp_path / "alive"
        command = Manifests.of("prod").workload("crm-worker").pod["containers"][0]["command"]
        ours = ["tests.worker_app" if part == "crm_project" else part for part in command]
        name = connection.settings_dict["NAME"]
        variables = {**os.environ, "CRM_ALIVE_FILE": str(file), "CRM_TEST_DATABASE": name}
        with (tmp_path / "log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", *ours], env=variables, cwd=ROOT, stdout=log, stderr=log
            )
        try:
            wait_until(file.exists, seconds=90)
            first = file.stat().st_mtime_ns
            wait_until(lambda: file.stat().st_mtime_ns > first, seconds=30)
        finally:
            worker.terminate()
            worker.wait(timeout=30)


READ_SETTINGS = (
    "import django.conf as c; d = c.settings.DATABASES['default'];"
    "print(d['HOST'], d['PORT'], d['NAME'], d['USER'], d['PASSWORD'], d['OPTIONS']['options'])"
)


def database_of(**variables):
    """Return what a process with these variables takes for its database."""
    rest = {key: value for key, value in os.environ.items() if not key.startswith("DATABASE_")}
    environment = {**rest, "DJANGO_SETTINGS_MODULE": "crm_project.settings", **variables}
    done = subprocess.run(
        [sys.executable, "-c", READ_SETTINGS],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


class TestTheDatabaseInParts:
    def test_each_part_may_come_from_a_file_of_a_secret(self, tmp_path):
        """A password of a secret manager fits into no URL as it is."""
        for name, value in (("DB", "crmdb"), ("USER", "crmuser"), ("PASSWORD", "p@ss/w:rd#1")):
            (tmp_path / name).write_text(value)
        files = {f"POSTGRES_{n}_FILE": str(tmp_path / n) for n in ("DB", "USER", "PASSWORD")}

        said = database_of(POSTGRES_HOST="postgres", **files)

        assert said == "postgres 5432 crmdb crmuser p@ss/w:rd#1 -c search_path=public"

    def test_a_url_wins(self):
        said = database_of(POSTGRES_HOST="other", DATABASE_URL="postgres://u:p@host:5433/name")

        assert said.startswith("host 5433 name u p")

    def test_a_host_is_enough_to_start_no_server_of_our_own(self):
        known = {"CRM_ENV": "production", "REDIS_URL": "redis://valkey/0"}

        assert embedded.needed({**known, "POSTGRES_HOST": "postgres"}) == (False, False)
        with pytest.raises(EmbeddedRefused):
            embedded.needed(known)


def settings_of_postgres():
    text = (ROOT / "k8s/components/postgres/postgresql.conf").read_text("utf-8")
    return dict(re.findall(r"^(\w+) = '?([^'\n]+)'?$", text, re.MULTILINE))


# Some settings are shown to a superuser only.
@pytest.mark.owner
@pytest.mark.django_db
class TestSettingsOfServers:
    def test_postgresql_knows_each_of_its_settings(self):
        ours = settings_of_postgres()
        with connection.cursor() as cursor:
            cursor.execute("select name, vartype, enumvals from pg_settings")
            known = {name: (kind, choices) for name, kind, choices in cursor.fetchall()}

        assert len(ours) > 25
        assert set(ours) - set(known) == set()
        for name, value in ours.items():
            kind, choices = known[name]
            assert kind != "enum" or value in choices or value == "lz4"
            assert kind != "bool" or value in {"on", "off"}

    def test_the_servers_of_production_know_theirs(self):
        cluster = Manifests.of("prod").get("Cluster", "postgres")["spec"]["postgresql"]
        ours = {name for name in cluster["parameters"] if "." not in name}
        with connection.cursor() as cursor:
            cursor.execute("select name from pg_settings")
            known = {name for (name,) in cursor.fetchall()}

        assert ours - known == set()

    def test_postgresql_reads_who_may_connect(self, tmp_path):
        """Its own reader of the file finds no mistake but the lack of TLS in this build."""
        path = ROOT / "k8s/components/postgres/pg_hba.conf"
        lines = [line.split() for line in path.read_text("utf-8").splitlines() if line[:1] != "#"]

        assert [line[0] for line in lines] == ["local", "hostssl", "hostnossl"]
        assert [line[-1] for line in lines[1:]] == ["scram-sha-256", "reject"]
        assert lines[0][3:] == ["peer", "map=container"]


def test_a_real_valkey_takes_its_settings_and_keeps_its_word(tmp_path):
    """The pod's own script, with the file of the overlay and a password of a secret."""
    script = Manifests.of("prod").workload("valkey").pod["containers"][0]["command"][-1]
    config = tmp_path / "valkey.conf"
    given = (ROOT / "k8s/base/files/valkey.conf").read_text()
    assert "dir /data\n" in given
    config.write_text(given.replace("dir /data\n", ""))
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "data").mkdir()
    socket = tmp_path / "v.sock"
    for there, here in (
        ("/etc/valkey/valkey.conf", config),
        ("/run/secrets/valkey/VALKEY_PASSWORD", tmp_path / "secret"),
        ("exec valkey-server /run/valkey/valkey.conf", f"exec {valkey_program()} {tmp_path}/made"),
        ("/run/valkey/valkey.conf", tmp_path / "made"),
    ):
        script = script.replace(there, str(here))
    # The build that is here knows no TLS; tests/proofs/test_tls.py asks one that does.
    extra = f"tls-port 0\nport 0\nunixsocket {socket}\ndir {tmp_path / 'data'}\n"
    script = script.replace("exec ", f"printf '{extra}' >>{tmp_path}/made\nexec ")
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(["sh", "-euc", script], stdout=log, stderr=log)
    try:
        wait_until(socket.exists, seconds=30)
        client = redis.Redis(unix_socket_path=str(socket), password="s3cret")
        has = client.config_get("append*") | client.config_get("maxmemory-policy")
        assert (has["appendonly"], has["appendfsync"]) == ("yes", "always")
        assert has["maxmemory-policy"] == "noeviction"
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(unix_socket_path=str(socket)).ping()
    finally:
        server.kill()
        server.wait(timeout=30)
    assert (tmp_path / "made").stat().st_mode & 0o077 == 0
