"""No name, spelling or second thought of a name server leads a request inside."""

import ipaddress
import socket
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from crm_project.common import outgoing

TRICKS = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1"),
    *("localhost", "LOCALHOST", "127.255.255.254", "0", "0.0.0.1", "::1", "::", "::ffff:127.0.0.1"),
    *("::ffff:7f00:1", "::127.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1"),
    *("::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::1"),
    *("100.64.0.1", "100.100.100.200", "169.254.169.254", "169.254.0.1", "2852039166"),
    *("::ffff:169.254.169.254", "fe80::1", "fc00::1", "fd00:ec2::254", "fd12::1", "224.0.0.1"),
    *("ff02::1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "203.0.113.1", "2001:db8::1"),
    *("0xa9fea9fe", "64:ff9b:1::7f00:1", "64:ff9b:1::a9fe:a9fe", "::ffff:0:7f00:1", "fec0::1"),
    *("5f00::1", "3fff::1", "168.63.129.16", "::ffff:168.63.129.16", "2606:4700::5efe:a00:1"),
    *("2606:4700::200:5efe:7f00:1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "0177.0.0.01"),
    *("127.0.0.1.", "localhost.", "①②⑦.⓪.⓪.①"),
]


@pytest.fixture(autouse=True)
def nothing_allowed(monkeypatch):
    monkeypatch.setattr(outgoing, "_private_hosts", frozenset())


@pytest.fixture
def dialled(monkeypatch):
    """Note where a connection would go, and open none."""
    places = []

    def note(place, timeout=None, source=None):
        places.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", note)
    return places


def answers(monkeypatch, *addresses):
    """Let a name server give one list of addresses for each question."""
    left = [*addresses]

    def answer(host, port, **kwargs):
        return [(2, 1, 6, "", (address, port)) for address in left.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.mark.parametrize("host", TRICKS)
def test_a_spelling_of_an_inner_address_is_refused(dialled, host):
    with pytest.raises(OSError) as refused:  # noqa: PT011 - also: no such address on this machine
        outgoing.connect((host, 80))

    assert isinstance(refused.value, outgoing.RefusedAddressError | socket.gaierror)
    assert dialled == []


def test_there_are_enough_of_them():
    assert len(TRICKS) >= 40


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_an_outer_address_is_reached_at_the_address_that_was_judged(dialled, monkeypatch, address):
    answers(monkeypatch, [address], ["127.0.0.1"])

    with pytest.raises(ConnectionRefusedError):
        outgoing.connect(("api.example.com", 443))

    assert dialled == [(address, 443)]


@pytest.mark.parametrize("port", [22, 25, 2375, 5432, 6379, 8080, 9200])
def test_other_ports_are_asked_of_hosts_that_are_named_only(dialled, monkeypatch, port):
    answers(monkeypatch, ["93.184.215.14"])
    with pytest.raises(outgoing.RefusedAddressError):
        outgoing.connect(("api.example.com", port))
    assert dialled == []

    outgoing.allow_private(["API.example.com"])
    with pytest.raises(ConnectionRefusedError):
        outgoing.connect(("api.example.com.", port))
    assert dialled == [("93.184.215.14", port)]


def test_a_redirect_inside_is_not_followed(monkeypatch):
    """A server outside answers with the address of the cloud's secrets."""
    asked = []

    class Redirects(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    outgoing.allow_private(["127.0.0.1"])
    with HTTPServer(("127.0.0.1", 0), Redirects) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(urllib.error.HTTPError) as refused:
            outgoing.opener().open(f"http://127.0.0.1:{server.server_port}/", timeout=10)

    refused.value.close()
    assert refused.value.code == 302
    assert asked == ["/"]


def test_a_name_with_a_good_and_a_bad_address_is_refused(dialled, monkeypatch):
    answers(monkeypatch, ["93.184.215.14", "10.0.0.1"])

    with pytest.raises(outgoing.RefusedAddressError):
        outgoing.connect(("api.example.com", 443))
    assert dialled == []


def test_a_named_host_may_lie_inside_but_never_where_machines_tell_their_secrets(monkeypatch):
    outgoing.allow_private(["models.internal", " [::1] "])

    def may(host, address):
        return outgoing.may_reach(host, ipaddress.ip_address(address))

    assert may("models.internal", "10.0.0.1")
    assert may("MODELS.internal", "127.0.0.1")
    assert may("::1", "::1")
    assert not may("other.internal", "10.0.0.1")
    for address in ("169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "0.0.0.1"):
        assert not may("models.internal", address)


@pytest.mark.parametrize(
    "scheme", ["file:///etc/passwd", "ftp://example.com/", "gopher://x/", "data:,x"]
)
def test_other_schemes_are_not_opened(scheme):
    with pytest.raises(urllib.request.URLError):
        outgoing.opener().open(scheme, timeout=1)


def test_proxies_of_the_environment_are_not_asked(dialled, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:3128")
    answers(monkeypatch, ["93.184.215.14"])

    with pytest.raises(urllib.request.URLError):
        outgoing.opener().open("http://api.example.com/", timeout=1)

    assert dialled == [("93.184.215.14", 80)]
