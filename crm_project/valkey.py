"""How Valkey is reached: its URL and, where that asks for TLS, what proves who answers."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import environ

# Parameters that redis-py and kombu both read from the URL. Neither may be left out: kombu asks
# nobody for a certificate that it was not told to ask for.
_PROOF = {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}


def address(env: environ.Env, url: str) -> str:
    """Return a URL complete with what its TLS needs; one without TLS as it is.

    The server's certificate is looked at, its name too, unless the URL itself says otherwise.
    The files are read anew for each connection: a renewed one needs no restart.
    """
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return url
    files = {
        "ssl_ca_certs": env.str("REDIS_SSLROOTCERT", default=""),
        "ssl_certfile": env.str("REDIS_SSLCERT", default=""),
        "ssl_keyfile": env.str("REDIS_SSLKEY", default=""),
    }
    named = {name: path for name, path in files.items() if path}
    query = {**_PROOF, **named, **dict(parse_qsl(parts.query))}
    return urlunsplit(parts._replace(query=urlencode(query)))


def is_proved(url: str) -> bool:
    """Tell whether whoever listens on the way learns nothing, and nobody can pose as the server."""
    parts = urlsplit(url)
    if parts.scheme in {"unix", "redis+socket", "socket"} or is_here(parts.hostname or ""):
        return True
    query = dict(parse_qsl(parts.query))
    kept = {name: query.get(name, "").lower() for name in _PROOF}
    return parts.scheme == "rediss" and kept == _PROOF


def is_here(host: str) -> bool:
    """Tell whether a host is this machine: what never leaves it needs no TLS."""
    return not host or host.startswith("/") or host in {"localhost", "127.0.0.1", "::1"}
