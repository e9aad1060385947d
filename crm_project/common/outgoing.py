"""Requests that leave the house: never to the house itself, whatever a name resolves to.

A name is resolved once, every address is judged, and the connection goes to the address that was
judged; so a name server that answers differently the second time changes nothing. No proxy of the
environment is used, and redirects are not followed: both would lead past the judgement.
"""

import http.client
import ipaddress
import socket
import urllib.request
from collections.abc import Iterable
from email.message import Message
from typing import IO, Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PORTS = frozenset({80, 443})
"""Of hosts that are not named: what else listens on a machine is no web service for strangers."""

# What carries an IPv4 address in its last 32 bits: compatible, translated, and two kinds of NAT64.
_CARRIES = tuple(
    map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"))
)
# The only part of IPv6 from which public addresses are given out.
_PUBLIC = ipaddress.IPv6Network("2000::/3")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
# is_global knows these too; they are named because no list of hosts opens them.
_NEVER: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = (
    *map(ipaddress.IPv4Network, ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4")),
    # Public by its number, and answered by the machine's own cloud (Azure).
    ipaddress.IPv4Network("168.63.129.16/32"),
    *map(ipaddress.IPv6Network, ("::/128", "fe80::/10", "fd00:ec2::/32", "ff00::/8", "3fff::/20")),
)


class RefusedAddressError(OSError):
    """The address lies inside, and the host is not among those that may."""


_private_hosts: frozenset[str] = frozenset()


def allow_private(hosts: Iterable[str]) -> None:
    """Set the hosts that may have addresses inside (``CRM_OUTGOING_PRIVATE_HOSTS``)."""
    global _private_hosts  # noqa: PLW0603, RUF100 - set once, when the apps are loaded
    _private_hosts = frozenset(host.strip().strip("[]").lower() for host in hosts if host.strip())


def plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself.

    >>> str(plain(ipaddress.ip_address("::ffff:10.0.0.1")))
    '10.0.0.1'
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    carries = any(address in network for network in _CARRIES) and not address.is_loopback
    if carries or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def may_reach(host: str, address: Address) -> bool:
    """Tell whether a request to this host may go to this address.

    >>> may_reach("api.example.com", ipaddress.ip_address("93.184.215.14"))
    True
    >>> may_reach("api.example.com", ipaddress.ip_address("10.0.0.1"))
    False
    """
    meant = plain(address)
    if any(meant in network for network in _NEVER if network.version == meant.version):
        return False
    public = meant.is_global and (meant.version == 4 or meant in _PUBLIC)
    return public or is_named(host)


def is_named(host: str) -> bool:
    """Tell whether somebody who runs the servers has named this host."""
    return host.strip("[]").rstrip(".").lower() in _private_hosts


def connect(
    place: tuple[str, int], timeout: float | None = None, source: Any = None
) -> socket.socket:
    """Open a connection to a host, to an address that was judged.

    Raises:
        RefusedAddressError: one of the host's addresses lies inside. A host with a good and a bad
            one is refused as a whole: nobody means both. Or the port is none of ``PORTS``, and the
            host is not named.
        OSError: it cannot be reached.
    """
    host, port = place
    if port not in PORTS and not is_named(host):
        raise RefusedAddressError(f"Port {port} of {host} is not asked.")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, where in found:
        if not may_reach(host, ipaddress.ip_address(str(where[0]).partition("%")[0])):
            raise RefusedAddressError(f"{host} lies inside; it is not asked.")
    failed: OSError = OSError(f"{host} has no address.")
    for *_, where in found:
        try:
            return socket.create_connection((str(where[0]), port), timeout, source)
        except OSError as error:
            failed = error
    raise failed


class _Http(http.client.HTTPConnection):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What the class itself calls to reach its host, also for TLS, which keeps the name.
        self._create_connection = connect


class _Https(http.client.HTTPSConnection):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._create_connection = connect


class _HttpHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Http, req)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Https, req)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0913, RUF100 (the signature of the base class)
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: Message, newurl: str,
    ) -> None:  # fmt: skip
        """Let a redirect count as the error status that it is for us."""


def opener() -> urllib.request.OpenerDirector:
    """Return what opens URLs, http and https only, under these rules."""
    made = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _NoRedirects(),
        _HttpHandler(),
        _HttpsHandler(),
    ):
        made.add_handler(handler)
    return made
