"""Errors and traces arrive where the environment says, and name nobody."""

import gzip
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from crm_project.common import telemetry
from crm_project.common.telemetry_events import without_personal_data, without_values
from tests.factories import UserFactory

ROOT = Path(__file__).parents[2]
SECRET = "ada@example.com"

# A process as the web server is one: a page that fails, a log-in in vain, a page for somebody who
# is signed in (whose session is in PostgreSQL and the cache), and every way to ask the database
# that the project uses.
SCRIPT = f"""
import os, sys, types
from django.conf import settings
settings.DATABASES["default"]["NAME"] = os.environ["CRM_TEST_DATABASE"]
plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
settings.STORAGES["staticfiles"]["BACKEND"] = plain
import django; django.setup()
from django.db import connection
from django.core.wsgi import get_wsgi_application
from django.test import Client, RequestFactory
from django.urls import path

def fails(request):
    name = {SECRET!r}
    from psycopg import sql
    written = sql.SQL("select {{}}").format(sql.Literal(name))
    connection.cursor().execute(written.as_string(None))
    connection.cursor().execute("select %s::int", [name])

def asked(path, **headers):
    environ, said = RequestFactory().get(path, headers=headers, secure=True).environ, []
    page = get_wsgi_application()(environ, lambda status, headers: said.append(status))
    return said[0], b"".join(page)

urls = types.ModuleType("urls_of_test")
urls.urlpatterns = [path("fails", fails)]
sys.modules["urls_of_test"] = urls
settings.ALLOWED_HOSTS, settings.CRM_SECOND_FACTOR = ["testserver"], False
form = {{"username": {SECRET!r}, "password": "wrong"}}
sent = {{"X-Request-ID": "the-request", "X-Change-Reason": {SECRET!r},
        "Referer": "https://testserver/admin/common/user/?q={SECRET}"}}
assert Client().post("/admin/login/?q={SECRET}", form, headers=sent).status_code == 200
from crm_project.common.models import User
who = Client()
who.force_login(User.objects.get(username="owner"))
print("session", who.session.session_key)
cookie = "; ".join(one.OutputString(attrs=()) for one in who.cookies.values())
said, page = asked("/admin/common/user/?q={SECRET}", **sent, Cookie=cookie)
assert said == "200 OK" and b"{SECRET}" in page, said
from django.urls import clear_url_caches, set_urlconf
settings.ROOT_URLCONF = "urls_of_test"; clear_url_caches(); set_urlconf(None)
assert asked("/fails?q={SECRET}", **sent)[0] == "500 Internal Server Error"
assert len(list(User.objects.iterator(chunk_size=10))) == 1
with connection.cursor() as cursor, cursor.copy("copy (select 7) to stdout") as copy:
    assert b"".join(copy) == b"7\\n"
with connection.cursor() as cursor:
    cursor.executemany("select %s", [[1], [2]])
if os.environ.get("SENTRY_DSN"):
    import sentry_sdk; sentry_sdk.flush(20)
if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
    from opentelemetry import trace; trace.get_tracer_provider().force_flush(20_000)
"""  # noqa: S608 - a program, no statement


@pytest.fixture
def collector():
    """A server that takes what it is sent; yields its address and the list of bodies."""
    bodies = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers.get("Content-Encoding") == "gzip"
            bodies.append(gzip.decompress(body) if packed else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    server.server_close()


def run(**variables):
    given = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "crm_project.settings",
        "CRM_TEST_DATABASE": connection.settings_dict["NAME"],
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    session = re.search(r"^session (\S{32})$", done.stdout, re.MULTILINE)
    assert session, done.stdout
    return done.stderr, session[1]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestRealProcesses:
    @pytest.fixture(autouse=True)
    def owner(self):
        UserFactory(admin=True, username="owner", email=SECRET)

    def test_sentry_learns_what_failed_and_not_for_whom(self, collector):
        address, bodies = collector

        _, session = run(
            SENTRY_DSN=f"http://key@{address}/1",
            SENTRY_TRACES_SAMPLE_RATE="1.0",
            CRM_RELEASE="1.2.3",
        )

        events = [json.loads(line) for body in bodies for line in body.splitlines() if b"{" in line]
        [event] = [one for one in events if "exception" in one]
        assert [one for one in events if one.get("type") == "transaction"]
        assert event["release"] == "1.2.3"
        assert event["tags"]["request_id"] == "the-request"
        assert event["request"]["url"].endswith("/fails")
        assert [one["type"] for one in event["exception"]["values"]][-1] == "DataError"
        assert {name.lower() for name in event["request"]["headers"]} <= {"host", "x-request-id"}
        everything = b"".join(bodies).decode()
        assert SECRET not in everything
        assert session not in everything

    def test_sentry_learns_which_statements_a_page_waited_for(self, collector):
        address, bodies = collector

        run(SENTRY_DSN=f"http://key@{address}/1", SENTRY_TRACES_SAMPLE_RATE="1.0")

        events = [json.loads(line) for body in bodies for line in body.splitlines() if b"{" in line]
        [page] = [one for one in events if one.get("transaction", "").endswith("/common/user/")]
        said = [span.get("description", "") for span in page["spans"]]
        assert any("common_user" in one and "%s" in one for one in said)
        assert any("admin/common/user/change_list.html" in one for one in said)

    def test_the_log_tells_what_failed_and_not_for_whom(self):
        written, session = run(CRM_ENV="production", DJANGO_SECURE_SSL_REDIRECT="false")

        lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
        said = {line["event"]: line for line in lines}
        assert SECRET not in written
        assert session not in written
        assert said["sign_in_failed"]["request_id"] == "the-request"
        failed = said["Internal Server Error: /fails"]
        assert failed["request_id"] == "the-request"
        assert "django.db.utils.DataError: (words withheld; code 22P02" in failed["exception"]
        assert "cursor().execute" in failed["exception"] or "in fails" in failed["exception"]

    def test_a_collector_gets_requests_with_their_statements(self, collector):
        messages = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
        address, bodies = collector

        _, session = run(
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{address}", OTEL_SERVICE_NAME="crm-web"
        )

        got = [messages.ExportTraceServiceRequest.FromString(body) for body in bodies]
        resources = [one for message in got for one in message.resource_spans]
        spans = [span for r in resources for scope in r.scope_spans for span in scope.spans]
        [login] = [span for span in spans if span.name.startswith("POST")]
        said = {one.key: one.value.string_value for one in login.attributes}
        assert said["crm.request_id"] == "the-request"
        below = [span for span in spans if span.parent_span_id == login.span_id]
        assert any("%s" in str(span.attributes) for span in below)
        assert "crm-web" in str(resources[0].resource)
        assert SECRET not in str(resources)
        assert session not in str(resources)


def test_without_a_place_nothing_is_loaded(monkeypatch):
    for name in ("_start_sentry", "_start_opentelemetry"):
        monkeypatch.setattr(telemetry, name, lambda: pytest.fail("started"))

    assert not settings.CRM_TELEMETRY["sentry_dsn"]
    telemetry.start()


def test_what_is_no_error_of_a_database_keeps_its_words():
    event = {"exception": {"values": [{"module": "builtins", "value": "too many"}]}}

    assert without_personal_data(event, {}) == event
    assert event["exception"]["values"][0]["value"] == "too many"


def test_spans_keep_their_names_only_where_our_code_named_them():
    named = {
        "middleware.django": "crm_project.common.middleware.RequestIdMiddleware",
        "db": "select 1 where code = '…'",
        "db.redis": None,
        "cache.get": None,
        "http.client": None,
        "subprocess": None,
    }
    said = {
        "middleware.django": named["middleware.django"],
        "db": "select 1 where code = 'C1'",
    }
    spans = [
        {
            "op": op,
            "description": said.get(op, "GET 'the key'"),
            "tags": {"redis.key": "the key"},
            "data": {"http.query": "q=ada", "context": {"customer": "Ada"}, "db.system": "redis"},
        }
        for op in named
    ]

    left = without_personal_data({"type": "transaction", "spans": spans}, {})["spans"]

    assert {span["op"]: span.get("description") for span in left} == named
    assert all(span["data"] == {"db.system": "redis"} for span in left)
    assert not any("tags" in span for span in left)


def test_what_loggers_and_tasks_add_does_not_leave():
    event = {
        "extra": {"request": "<WSGIRequest: GET '/?q=ada'>", "celery-job": {"args": ["ada"]}},
        "logentry": {"message": "no %s", "params": ["ada"], "formatted": "no ada"},
        "contexts": {"trace": {"op": "x", "data": {"http.query": "ada"}}, "ours": {"who": "ada"}},
    }

    left = without_personal_data(event, {})

    assert "ada" not in str(left)
    assert left["logentry"] == {"message": "no %s"}


@pytest.mark.parametrize(
    ("statement", "left"),
    [
        ("select 'a''b', 'c' from \"t's\"", "select '…', '…' from \"t's\""),
        (r"select e'it\'s ada', E'\\' where x = 5", "select '…', '…' where x = 5"),
        (r"select 'a\', 'ada'", "select '…', '…'"),
        ("select $$it's ada$$, $x$ $$ ada $x$, $1", "select '…', '…', $1"),
        ("select 1 -- ada's\n, 'ada' /* it's */ , 2", "select 1 \n, '…'  , 2"),
        ("select 'ada (the rest was cut", "select '…'"),
    ],
)
def test_statements_leave_without_their_texts(statement, left):
    assert without_values(statement) == left
