"""Mistakes in TLS, each with the rule that must see it (rules_tls.py)."""

from tests.kubernetes.parts import box, change_file, pod, spec

ENCRYPTED = "connections_are_encrypted"
READ = "renewed_certificates_are_read"
NAMED = "certificates_have_the_names_of_services"

DEV = {
    "clients that check nobody": (
        lambda m: change_file(m, "PGSSLMODE", "verify-full", "require"),
        ENCRYPTED,
    ),
    "Valkey on a plain port": (
        lambda m: change_file(m, "valkey.conf", "port 0", "port 1"),
        ENCRYPTED,
    ),
    "PostgreSQL that takes an old TLS": (
        lambda m: change_file(m, "postgresql.conf", "TLSv1.3", "TLSv1.2"),
        ENCRYPTED,
    ),
    "PostgreSQL that lets plain connections in": (
        lambda m: change_file(m, "pg_hba.conf", "reject", "scram-sha-256"),
        ENCRYPTED,
    ),
    "probe without TLS": (
        lambda m: box(m, "valkey")["livenessProbe"].update(
            exec={"command": ["valkey-cli", "ping"]}
        ),
        ENCRYPTED,
    ),
    "authority with a new key": (
        lambda m: spec(m, "Certificate", "postgres-ca")["privateKey"].update(
            rotationPolicy="Always"
        ),
        READ,
    ),
    "certificate with its old key": (
        lambda m: spec(m, "Certificate", "valkey-tls")["privateKey"].pop("rotationPolicy"),
        READ,
    ),
    "certificate of nobody": (
        lambda m: spec(m, "Certificate", "valkey-tls").update(secretName="other-tls"),
        READ,
    ),
    "PostgreSQL that nobody tells": (
        lambda m: pod(m, "postgres").pop("initContainers"),
        READ,
    ),
    "container that stops the server from starting": (
        lambda m: pod(m, "valkey")["initContainers"][0].pop("restartPolicy"),
        READ,
    ),
    "Service without a certificate": (
        lambda m: spec(m, "Certificate", "postgres-tls")["dnsNames"].remove("postgres-ro"),
        NAMED,
    ),
}
PROD = {
    "queue without TLS": (
        lambda m: spec(m, "ExternalSecret", "valkey-secret")["target"]["template"]["data"].update(
            REDIS_URL="redis://valkey:6379/0"
        ),
        ENCRYPTED,
    ),
    "Valkey that nobody tells": (lambda m: pod(m, "valkey").pop("initContainers"), READ),
}
