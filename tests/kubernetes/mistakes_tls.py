"""Mistakes about TLS, made on purpose, each with the rule that must see it."""


def _change(manifests, name, old, new):
    """Replace text in a file of a ConfigMap."""
    for doc in manifests.kind("ConfigMap"):
        if name in doc.get("data", {}):
            assert old in doc["data"][name]
            doc["data"][name] = doc["data"][name].replace(old, new)


def _certificate(manifests, name):
    return manifests.get("Certificate", name)["spec"]


def _beside(manifests, name):
    return manifests.workload(name).pod["initContainers"][0]


ENCRYPTED = "connections_are_encrypted"
READ = "renewed_certificates_are_read"
NAMED = "certificates_have_the_names_of_services"

DEV = {
    "clients that check nobody": (
        lambda m: _change(m, "PGSSLMODE", "verify-full", "require"), ENCRYPTED,
    ),
    "Valkey on a plain port": (lambda m: _change(m, "valkey.conf", "port 0", "port 1"), ENCRYPTED),
    "PostgreSQL that takes an old TLS": (
        lambda m: _change(m, "postgresql.conf", "TLSv1.3", "TLSv1.2"), ENCRYPTED,
    ),
    "PostgreSQL that lets plain connections in": (
        lambda m: _change(m, "pg_hba.conf", "reject", "scram-sha-256"), ENCRYPTED,
    ),
    "probe without TLS": (
        lambda m: m.workload("valkey").pod["containers"][0]["livenessProbe"].update(
            exec={"command": ["valkey-cli", "ping"]}
        ), ENCRYPTED,
    ),
    "authority with a new key": (
        lambda m: _certificate(m, "postgres-ca")["privateKey"].update(rotationPolicy="Always"),
        READ,
    ),
    "certificate with its old key": (
        lambda m: _certificate(m, "valkey-tls")["privateKey"].pop("rotationPolicy"), READ,
    ),
    "certificate of nobody": (
        lambda m: _certificate(m, "valkey-tls").update(secretName="other-tls"), READ,
    ),
    "PostgreSQL that nobody tells": (
        lambda m: m.workload("postgres").pod.pop("initContainers"), READ,
    ),
    "container that stops the server from starting": (
        lambda m: _beside(m, "valkey").pop("restartPolicy"), READ,
    ),
    "Service without a certificate": (
        lambda m: _certificate(m, "postgres-tls")["dnsNames"].remove("postgres-ro"), NAMED,
    ),
}  # fmt: skip
PROD = {
    "queue without TLS": (
        lambda m: m.get("ExternalSecret", "valkey-secret")["spec"]["target"]["template"][
            "data"
        ].update(REDIS_URL="redis://valkey:6379/0"),
        ENCRYPTED,
    ),
    "Valkey that nobody tells": (lambda m: m.workload("valkey").pod.pop("initContainers"), READ),
}
