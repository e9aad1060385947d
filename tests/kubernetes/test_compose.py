"""compose.yaml gives each process the login that it needs, and no more."""

import re

import pytest

from tests.kubernetes.compose import compose, text_of
from tests.kubernetes.manifests import ROOT

OURS = ("migrate", "web", "consumer", "worker", "beat")


@pytest.fixture(scope="module")
def services():
    return compose()["services"]


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


# Servers, their logins and their TLS are named here; folders are the image's.
SET_HERE = re.compile(
    r"CRM_(ENV|HOME|TEST_HOME|UPLOAD_DIR|ALIVE_FILE|PG_BIN|BARMAN_BIN|BIND|QUEUE_URL)|CRM_ARCHIVE_\w+"
    r"|CRM_(APP|ADMIN|ML|ASK)_PASSWORD|CRM_BACKUP_DATABASE_URL|STATIC_ROOT|DJANGO_DEBUG"
    r"|DATABASE_(REPLICA_URL|POOL_SIZE)|POSTGRES_\w+|PGSSL\w+|REDIS_SSL\w+"
    r"|VALKEY_PASSWORD|REPLICATION_PASSWORD|PROMETHEUS_MULTIPROC_DIR"
)


def test_what_env_says_reaches_the_processes(services):
    text = (ROOT / ".env.example").read_text("utf-8")
    documented = set(re.findall(r"^# ([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))

    for name in OURS:
        missing = documented - services[name]["environment"].keys()
        assert {one for one in missing if not SET_HERE.fullmatch(one)} == set(), name
    assert {"CRM_PROXIES", "CRM_METRICS_TOKEN"} <= services["web"]["environment"].keys()
    assert services["migrate"]["environment"].keys() >= {"CRM_ML_PASSWORD", "CRM_ASK_PASSWORD"}


def test_no_password_has_a_default():
    text = text_of()

    for name in ("POSTGRES_PASSWORD", "CRM_APP_PASSWORD", "VALKEY_PASSWORD", "DJANGO_SECRET_KEY"):
        given = re.findall(rf"\$\{{{name}([^}}]*)\}}", text)
        assert given
        assert set(given) == {":?set it in .env"}


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.drill", "Dockerfile.patroni"])
def test_what_an_image_copies_is_not_kept_from_it(name):
    """A build sees only what .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_through = {line[1:] for line in lines if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(\S+) ", (ROOT / name).read_text("utf-8"), re.MULTILINE)

    assert set(copied) - {"."} <= let_through
    assert all((ROOT / path).exists() for path in let_through)
