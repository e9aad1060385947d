"""The URL of Valkey says all that a client must know to look whom it reached."""

import environ
import pytest
import redis
from django.conf import settings as configured
from kombu.utils.url import parse_url

from analytics.api.receiving import flusher
from crm_project import valkey
from tests.proofs.certificates import Authority

PLAIN = "redis://:secret@valkey:6379/0"  # pragma: allowlist secret
SECURED = "rediss://:p%40ss%2F@valkey:6379/0"  # pragma: allowlist secret


@pytest.fixture
def address(monkeypatch):
    def found(url, **files):
        for name, value in files.items():
            monkeypatch.setenv(name, value)
        return valkey.address(environ.Env(), url)

    for name in ("REDIS_SSLROOTCERT", "REDIS_SSLCERT", "REDIS_SSLKEY"):
        monkeypatch.delenv(name, raising=False)
    return found


def options(url):
    return redis.ConnectionPool.from_url(url).connection_kwargs


def test_without_tls_it_stays_as_it_is(address):
    assert address(PLAIN, REDIS_SSLROOTCERT="/ca.pem") == PLAIN
    assert address("") == ""


def test_with_tls_both_libraries_check_certificate_and_name(address):
    url = address(SECURED, REDIS_SSLROOTCERT="/ca.pem", REDIS_SSLCERT="/c", REDIS_SSLKEY="/k")

    has = options(url)
    assert (has["password"], has["ssl_check_hostname"]) == ("p@ss/", True)
    assert (has["ssl_cert_reqs"], has["ssl_ca_certs"]) == ("required", "/ca.pem")
    assert (has["ssl_certfile"], has["ssl_keyfile"]) == ("/c", "/k")
    broker = parse_url(url)
    assert broker["password"] == "p@ss/"  # pragma: allowlist secret
    assert broker["ssl"]["ssl_cert_reqs"].name == "CERT_REQUIRED"
    assert broker["ssl"]["ssl_check_hostname"] is True
    assert broker["ssl"]["ssl_ca_certs"] == "/ca.pem"


def test_what_the_url_itself_says_wins(address):
    url = address(f"{SECURED}?ssl_cert_reqs=none", REDIS_SSLROOTCERT="/ca.pem")

    assert options(url)["ssl_cert_reqs"] == "none"
    assert not valkey.is_proved(url)


@pytest.mark.parametrize(
    ("url", "proved"),
    [
        (PLAIN, False),
        ("redis://localhost/0", True),
        ("redis://:x@127.0.0.1:6379/0", True),
        ("unix:///run/valkey.sock?db=1", True),
        ("rediss://valkey/0", False),
    ],
)
def test_who_may_be_listened_to_is_told_apart(url, proved):
    assert valkey.is_proved(url) is proved


def test_the_environments_url_is_proved(address):
    assert valkey.is_proved(address(SECURED))


def test_receiving_reads_its_certificates_for_every_connection(settings, address, tmp_path):
    """The library itself reads them once: after a change of authority it would be shut out."""
    authority = tmp_path / "ca.pem"
    settings.CRM_QUEUE_URL = address(SECURED, REDIS_SSLROOTCERT=str(authority))
    connection = flusher._client().connection_pool.make_connection()

    with pytest.raises(FileNotFoundError):
        connection._connection_arguments()
    authority.write_bytes(Authority("first").pem)
    first = connection._connection_arguments()["ssl"]
    assert len(first.get_ca_certs()) >= 1
    assert connection._connection_arguments()["ssl"] is not first


def test_without_tls_receiving_connects_as_before():
    assert not configured.CRM_QUEUE_URL.startswith("rediss")
    kind = flusher._client().connection_pool.connection_class

    assert not issubclass(kind, flusher.SSLConnection)
