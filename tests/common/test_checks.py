"""A production server with a development setting does not start, and says what to set."""

from dataclasses import replace

import pytest
from django.conf import settings as configured
from django.core.checks import run_checks

from analytics.services import signal_queue
from crm_project.backup.packing import Keys, new_key
from crm_project.backup.targets import S3Options

SECRET, PUBLIC = new_key()
BACKUP = replace(configured.CRM_BACKUP, url="s3://crm-backups/crm", keys=Keys(SECRET))
SAFE = {
    "CRM_BACKUP": BACKUP,
    "CRM_ENV": "production",
    "PRODUCTION": True,
    "SECRET_KEY": "a-key-of-our-own",
    "DEBUG": False,
    "EMBEDDED_POSTGRES": False,
    "EMBEDDED_VALKEY": False,
    "ALLOWED_HOSTS": ["crm.example.com"],
    "CRM_SECOND_FACTOR": True,
}


def ours():
    return [error for error in run_checks(tags=["crm"]) if error.id.startswith("crm.")]


@pytest.fixture
def production(settings):
    for name, value in SAFE.items():
        setattr(settings, name, value)
    return settings


def test_a_safe_production_has_no_complaint(production):
    assert ours() == []


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("CRM_ENV", "prodction", "crm.E001"),
        ("DEBUG", True, "crm.E003"),
        ("EMBEDDED_POSTGRES", True, "crm.E004"),
        ("EMBEDDED_VALKEY", True, "crm.E005"),
        ("ALLOWED_HOSTS", [], "crm.E006"),
        ("ALLOWED_HOSTS", ["*"], "crm.E006"),
        ("CRM_SECOND_FACTOR", False, "crm.W014"),
        ("CRM_BACKUP", replace(BACKUP, url="ftp://me:secret@host/x"), "crm.E010"),
        ("CRM_BACKUP", replace(BACKUP, url="/var/backups"), "crm.E010"),
        ("CRM_BACKUP", replace(BACKUP, keys=Keys("hunter2")), "crm.E011"),
        ("CRM_BACKUP", replace(BACKUP, keys=Keys(SECRET, ("age1wrong",))), "crm.E011"),
        ("CRM_BACKUP", replace(BACKUP, keys=Keys("hunter2", (PUBLIC,))), "crm.E011"),
        ("CRM_BACKUP", replace(BACKUP, url=""), "crm.W012"),
        ("CRM_BACKUP", replace(BACKUP, keys=Keys()), "crm.W013"),
        ("CRM_BACKUP", replace(BACKUP, s3=S3Options(lock_days=31), keep_days=30), "crm.W017"),
        ("CRM_BACKUP", replace(BACKUP, keep_days=-1), "crm.E014"),
        ("CRM_BACKUP", replace(BACKUP, keep_days=0, s3=S3Options(lock_days=7)), "crm.E014"),
        ("CRM_BACKUP", replace(BACKUP, keep_days=36_501), "crm.E014"),
        ("CRM_WORKER_NICE", -5, "crm.E013"),
        ("CRM_WORKER_NICE", 20, "crm.E013"),
    ],
)
def test_each_mistake_has_a_number_and_a_hint(production, name, value, number):
    setattr(production, name, value)

    (error,) = ours()

    assert error.id == number
    assert error.hint.startswith(("Set ", "Unset "))
    assert "secret@" not in error.msg
    assert "hunter2" not in error.msg


class TestTheWayToTheServers:
    """Looked at by ``check --deploy``: a network of one's own may do without."""

    @pytest.fixture
    def warned(self, production, monkeypatch):
        monkeypatch.delenv("PGSSLMODE", raising=False)
        database = production.DATABASES["default"]
        monkeypatch.setitem(database, "HOST", "postgres")
        production.REDIS_URL = production.CRM_QUEUE_URL = "redis://localhost/0"

        def ask(**options):
            monkeypatch.setitem(database, "OPTIONS", options)
            found = run_checks(tags=["crm"], include_deployment_checks=True)
            return [one.id for one in found if one.id.startswith("crm.W")]

        return ask

    def test_a_database_elsewhere_is_reached_over_tls_that_checks_it(self, warned, monkeypatch):
        assert warned() == ["crm.W015"]
        assert warned(sslmode="require") == ["crm.W015"]
        assert warned(sslmode="verify-full") == []
        monkeypatch.setenv("PGSSLMODE", "verify-full")
        assert warned() == []
        assert warned(sslmode="prefer") == ["crm.W015"]

    def test_a_database_beside_us_needs_none(self, warned, production, monkeypatch):
        monkeypatch.setitem(production.DATABASES["default"], "HOST", "/run/postgresql")
        assert warned() == []
        monkeypatch.setitem(production.DATABASES["default"], "HOST", "localhost,pg2")
        assert warned() == ["crm.W015"]

    @pytest.mark.parametrize("name", ["REDIS_URL", "CRM_QUEUE_URL"])
    def test_so_is_valkey(self, warned, production, name):
        setattr(production, name, "redis://valkey/0")
        assert warned(sslmode="verify-full") == ["crm.W016"]
        setattr(
            production, name, "rediss://valkey/0?ssl_cert_reqs=required&ssl_check_hostname=true"
        )
        assert warned(sslmode="verify-full") == []


def test_where_a_cluster_makes_backups_its_pages_need_no_place(production):
    production.CRM_BACKUP = replace(BACKUP, url="", by_beat=False)

    assert ours() == []


def test_the_default_secret_is_refused(production):
    production.SECRET_KEY = production.DEFAULT_SECRET_KEY

    assert [error.id for error in ours()] == ["crm.E002"]


def test_development_may_use_all_of_it(settings):
    assert settings.CRM_ENV == "development"
    assert ours() == []


def deployed():
    return run_checks(tags=["crm"], include_deployment_checks=True)


def test_a_queue_that_forgets_is_refused_when_deploying(production):
    server = signal_queue.client()
    assert deployed() == []

    server.config_set("appendfsync", "everysec")
    try:
        [error] = deployed()
    finally:
        server.config_set("appendfsync", "always")

    assert error.id == "crm.E007"
    assert "appendfsync is 'everysec'" in error.msg
