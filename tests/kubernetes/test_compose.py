"""compose.yaml gives each process the login that it needs, and no more."""

import re

import pytest
import yaml

from tests.kubernetes.manifests import ROOT

OURS = ("migrate", "web", "consumer", "worker", "beat")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]


def login(url):
    return re.fullmatch(r"postgres://(\w+):\$\{\w+:\?set it in \.env\}@postgres:5432/crm", url)[1]


def test_only_the_migration_logs_in_as_the_superuser(services):
    assert {name: login(services[name]["environment"]["DATABASE_URL"]) for name in OURS} == {
        "migrate": "crm",
        "web": "app_user",
        "consumer": "app_user",
        "worker": "app_user",
        "beat": "app_user",
    }


def test_only_the_worker_makes_backups(services):
    with_right = [n for n in OURS if "CRM_BACKUP_DATABASE_URL" in services[n]["environment"]]

    assert with_right == ["worker"]


def test_the_migration_gives_the_application_its_rights_and_its_password(services):
    migrate = services["migrate"]

    assert re.search(
        r"manage\.py migrate .*; python manage\.py apply_roles", migrate["command"][-1]
    )
    assert "CRM_APP_PASSWORD" in migrate["environment"]["CRM_APP_PASSWORD"]


def test_everybody_waits_for_it_and_may_do_little(services):
    for name in OURS[1:]:
        one = services[name]
        assert one["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]


def test_no_password_has_a_default():
    text = (ROOT / "compose.yaml").read_text("utf-8")

    for name in ("POSTGRES_PASSWORD", "CRM_APP_PASSWORD", "VALKEY_PASSWORD", "DJANGO_SECRET_KEY"):
        given = re.findall(rf"\$\{{{name}([^}}]*)\}}", text)
        assert given
        assert set(given) == {":?set it in .env"}
