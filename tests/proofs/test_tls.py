"""PostgreSQL and Valkey over TLS, set up by the files of k8s: nothing plain, nobody else, and
certificates and authorities that change while everybody writes.
"""

import uuid

import psycopg
import pytest
import redis

from tests.proofs import debian
from tests.proofs.certificates import Authority, Trusted
from tests.proofs.figures import note
from tests.proofs.tls import SUPERUSERS
from tests.proofs.tls_crm import QUEUES, Load, Secured
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow_proof,
    pytest.mark.owner,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(debian.why_not()), reason=debian.why_not() or "-"),
]


REFUSED = "certificate verify failed"


@pytest.fixture
def secured(folder, postgres, token):
    made = Secured(folder, postgres(folder / "unused").copy_to)
    try:
        yield made.start()
    finally:
        made.destroy()


@pytest.fixture
def load(secured, token):
    secured.crm.start_programs()
    made = Load(secured, token).start()
    yield made
    made.stop()


class TestWhoGetsIn:
    def test_postgresql_takes_nothing_plain_and_shows_who_it_is(self, secured, tmp_path):
        server, trusted = secured.postgres, secured.trusted
        other = Trusted(tmp_path / "other.pem", Authority("first"))
        with server.log_in(trusted) as session:
            found = session.execute(
                "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()"
            ).fetchone()
        assert found == (True, "TLSv1.3")
        for changed, complaint in (
            ({"sslmode": "disable"}, "rejects connection"),
            ({"sslmode": "disable", "user": "crm", "password": SUPERUSERS}, "rejects connection"),
            ({"sslrootcert": other.file}, REFUSED),
            ({"host": "127.0.0.1"}, 'does not match host name "127.0.0.1"'),
            ({"ssl_max_protocol_version": "TLSv1.2"}, "protocol version"),
            ({"password": "another"}, "password authentication failed"),  # pragma: allowlist secret
        ):
            with pytest.raises(psycopg.OperationalError, match=complaint):
                server.log_in(trusted, **changed)

    def test_valkey_takes_nothing_plain_and_shows_who_it_is(self, secured, tmp_path):
        server = secured.valkey
        other = Trusted(tmp_path / "other.pem", Authority("first"))
        with server.connect() as client:
            assert client.ping()
            assert client.config_get("port") == {"port": "0"}
        for changed in (
            {"ssl": False},
            {"ssl_ca_certs": str(other.file)},
            {"host": "127.0.0.1"},
            {"password": "another"},
        ):
            with server.connect(**changed) as client, pytest.raises(redis.RedisError):
                client.ping()

    def test_the_application_refuses_servers_that_it_cannot_check(self, secured, tmp_path):
        other = str(Trusted(tmp_path / "other.pem", Authority("first")).file)
        ask_the_database = ("manage.py", "migrate", "--check")
        secured.run(*ask_the_database)
        said = secured.run(*ask_the_database, fails=True, PGSSLROOTCERT=other)
        assert REFUSED in said
        said = secured.run(*ask_the_database, fails=True, PGSSLMODE="disable", PGSSLROOTCERT="")
        assert "rejects connection" in said

        secured.run("-c", QUEUES)
        for changed in (
            {"REDIS_SSLROOTCERT": other},
            {"REDIS_URL": secured.valkey.url.replace("rediss", "redis")},
            {"REDIS_URL": secured.valkey.url.replace("localhost", "127.0.0.1")},
        ):
            secured.run("-c", QUEUES, **changed, EXPECT_FAILURE="1")


class TestRotation:
    def test_certificates_and_authorities_change_under_load_and_nothing_fails(self, secured, load):
        servers = (secured.postgres, secured.valkey)
        begun = secured.postgres.ask("select pg_postmaster_start_time()")
        for server in servers:
            server.start_reloader()
        worker = secured.start_worker()
        load.go_on()
        assert secured.crm.get("/readyz")[0] == 200

        # Renewed by the same authority.
        self.swap(servers, secured.authority, load)
        # By another one: trusted beside the old one first, alone afterwards.
        new = Authority("second")
        secured.trusted.put(secured.authority, new)
        load.go_on()
        self.swap(servers, new, load)
        secured.trusted.put(new)
        changed = secured.postgres.ask("select now()")
        load.go_on()

        # Lasting connections end some time: Valkey's now, those of the web server after a minute.
        with secured.valkey.connect() as client:
            before = client.info("clients")["connected_clients"]
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        wait_until(lambda: secured.sessions_of_web(changed) > 0, seconds=180, every=0.5)
        secured.run("manage.py", "migrate", "--check")
        load.go_on()
        assert secured.crm.get("/readyz")[0] == 200
        said = secured.run(
            "-m", "celery", "--app", "crm_project", "inspect", "ping", "--timeout", "20"
        )
        assert "pong" in said
        assert secured.plain_sessions() == 0
        assert secured.postgres.ask("select pg_postmaster_start_time()") == begun
        assert not worker.ended

        load.stop()
        assert load.errors == []
        secured.crm.wait_until_drained()
        kept = int(
            secured.postgres.ask("select count(*) from customers_customer where code ~ '^T'")
        )
        assert kept == load.counts["customers"]
        note(**load.counts, errors=0, restarts=0, plain=0, killed_connections=before)

    def swap(self, servers, authority, load):
        """Mount new certificates; wait until they are shown, and some work is done with them."""
        for server in servers:
            issued = authority.issue()
            old = server.shown()
            server.tls.put(issued)
            assert old != issued.serial
            wait_until(lambda server=server, issued=issued: server.shown() == issued.serial)
        load.go_on()

    def test_what_has_run_out_is_refused_until_it_is_renewed(self, secured):
        for server in (secured.postgres, secured.valkey):
            server.tls.put(secured.authority.issue(days=-1))
            server.start_reloader()
        wait_until(lambda: "told of its certificate" in secured.postgres.reloader.tail())
        wait_until(lambda: self.refusal(secured) == [REFUSED] * 2)

        # No restart: the second containers see to it.
        for server in (secured.postgres, secured.valkey):
            server.tls.put(secured.authority.issue())
        wait_until(lambda: self.refusal(secured) == ["", ""])

    def test_an_authority_that_keeps_its_key_may_be_renewed_at_any_time(self, secured):
        renewed = secured.authority.renewed()
        secured.trusted.put(renewed)
        assert self.refusal(secured) == ["", ""]
        for server in (secured.postgres, secured.valkey):
            server.start_reloader()
            issued = renewed.issue()
            server.tls.put(issued)
            wait_until(lambda server=server, issued=issued: server.shown() == issued.serial)
        secured.trusted.put(secured.authority)
        assert self.refusal(secured) == ["", ""]
        secured.trusted.put(secured.authority.renewed(days=-1))
        assert self.refusal(secured) == [REFUSED] * 2

    def test_a_key_that_does_not_fit_is_not_taken(self, secured):
        serial = secured.postgres.shown()
        wrong = secured.authority.issue()
        wrong.key = secured.authority.issue().key
        for server in (secured.postgres, secured.valkey):
            server.start_reloader()
            wait_until(lambda server=server: "told of its" in server.reloader.tail())
            server.tls.put(wrong)
        wait_until(lambda: "SSL configuration was not reloaded" in secured.postgres.program.tail())
        wait_until(lambda: "Unable to update TLS" in secured.valkey.reloader.tail())
        assert secured.postgres.shown() == serial
        assert self.refusal(secured) == ["", ""]

    def refusal(self, secured):
        """Return why new connections to the two servers fail: empty where they do not."""
        found = []
        for way in (self.postgres_way, self.valkey_way):
            try:
                way(secured)
                found.append("")
            except (psycopg.OperationalError, redis.RedisError) as error:
                found.append(REFUSED if REFUSED in str(error) else str(error))
        return found

    def postgres_way(self, secured):
        with secured.postgres.log_in(secured.trusted) as session:
            session.execute("select 1")

    def valkey_way(self, secured):
        with secured.valkey.connect() as client:
            client.ping()


class TestCertificatesOfClients:
    """Not asked for in our manifests; whoever wants them changes a line and sets two variables."""

    def test_postgresql_wants_one_of_the_logins_name(self, secured, tmp_path):
        rules = secured.postgres.folder / "pg_hba.conf"
        strict = "scram-sha-256 clientcert=verify-full"
        rules.write_text(rules.read_text().replace("scram-sha-256", strict))
        authority = Trusted(secured.postgres.folder / "clients.pem", secured.authority)
        secured.postgres.ask(f"alter system set ssl_ca_file = '{authority.file}'")
        secured.postgres.ask("select pg_reload_conf()")
        wait_until(lambda: secured.postgres.ask("show ssl_ca_file") == str(authority.file))
        good = files(tmp_path, secured.authority.issue("app_user"))
        other = files(tmp_path, secured.authority.issue("ml_user"))
        strange = files(tmp_path, Authority("first").issue("app_user"))
        check = ("manage.py", "migrate", "--check")
        for given, complaint in (
            ((), "certificate"),
            (other, "authentication failed"),
            (strange, "unknown ca"),
        ):
            variables = dict(zip(("PGSSLCERT", "PGSSLKEY"), given, strict=False))
            assert complaint in secured.run(*check, fails=True, **variables)
        secured.run(*check, PGSSLCERT=good[0], PGSSLKEY=good[1])

    def test_valkey_wants_one_of_its_authority(self, secured, tmp_path):
        secured.valkey.program.kill()
        secured.valkey.start(tls_auth_clients="yes")
        good = files(tmp_path, secured.authority.issue("app_user"))
        strange = files(tmp_path, Authority("first").issue("app_user"))
        secured.run("-c", QUEUES, EXPECT_FAILURE="1")
        for given, wanted in ((good, ""), (strange, "1")):
            variables = dict(zip(("REDIS_SSLCERT", "REDIS_SSLKEY"), given, strict=True))
            secured.run("-c", QUEUES, EXPECT_FAILURE=wanted, **variables)


def files(folder, issued):
    """Write a client's certificate and key; return their paths."""
    name = uuid.uuid4().hex
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_bytes(issued.pem)
    key.touch(mode=0o600)
    key.write_bytes(issued.key)
    return str(certificate), str(key)
