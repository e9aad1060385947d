"""Rules about TLS: nothing goes plain between pods, and a renewed certificate is read."""

import re
from typing import Any

from tests.kubernetes.manifests import Manifests, Workload, values


def connections_are_encrypted(all_of: Manifests):
    """16: who asks checks whom it reached; who answers takes nothing plain."""
    files = {
        name: text for doc in all_of.kind("ConfigMap") for name, text in doc.get("data", {}).items()
    }
    if files.get("PGSSLMODE") != "verify-full":
        yield "Clients of PostgreSQL do not look whom they reached"
    for variable in ("PGSSLROOTCERT", "REDIS_SSLROOTCERT"):
        if not files.get(variable):
            yield f"{variable} is not set"
    wanted = {
        "valkey.conf": (r"^port 0$", r"^tls-port 6379$", r'^tls-protocols "TLSv1.3"$'),
        "postgresql.conf": (r"^ssl = on$", r"^ssl_min_protocol_version = 'TLSv1.3'$"),
        "pg_hba.conf": (r"^hostnossl all +all +all +reject$",),
    }
    for name, patterns in wanted.items():
        for pattern in patterns:
            if name in files and not re.search(pattern, files[name], re.MULTILINE):
                yield f"{name} lacks {pattern}"
    for doc in all_of.kind("ExternalSecret"):
        made = doc["spec"]["target"].get("template", {}).get("data", {})
        if not made.get("REDIS_URL", "rediss://").startswith("rediss://"):
            yield "REDIS_URL leads to Valkey without TLS"
    for one in all_of.workloads():
        said = [text for _, text in values(one.pod) if isinstance(text, str)]
        if any("valkey-cli" in text and "--tls" not in text for text in said):
            yield f"{one.title} asks Valkey without TLS"


def renewed_certificates_are_read(all_of: Manifests):
    """16: cert-manager renews in time, with a new key, and something tells the server."""
    mounted = {
        volume["secret"]["secretName"]: (one, volume["name"])
        for one in all_of.workloads()
        for volume in one.pod.get("volumes", [])
        if "secret" in volume
    }
    for doc in all_of.kind("Certificate"):
        name, spec = doc["metadata"]["name"], doc["spec"]
        key = spec.get("privateKey", {}).get("rotationPolicy")
        if spec.get("isCA"):
            if key != "Never":
                yield f"Certificate {name}: a renewed authority would not fit what it signed"
            continue
        if key != "Always" or "renewBefore" not in spec:
            yield f"Certificate {name} is renewed late, or with its old key"
        if spec["secretName"] not in mounted:
            yield f"Certificate {name} is used by nobody"
        elif not _is_told(*mounted[spec["secretName"]]):
            yield f"{mounted[spec['secretName']][0].title} does not hear of a new certificate"


def certificates_have_the_names_of_services(all_of: Manifests):
    """16: clients look at the name, too: each Service of a server stands in its certificate."""
    named: dict[str, set[str]] = {}
    for doc in all_of.kind("Certificate"):
        if not doc["spec"].get("isCA"):
            named[doc["metadata"]["name"].removesuffix("-tls")] = set(doc["spec"]["dnsNames"])
    for doc in all_of.kind("Service"):
        name = doc["metadata"]["name"]
        server = doc["spec"].get("selector", {}).get("app.kubernetes.io/name", "")
        if server in named and doc["spec"].get("clusterIP") != "None":
            for wanted in (name, f"{name}.crm-rfm.svc.cluster.local"):
                if wanted not in named[server]:
                    yield f"Service {wanted} has no certificate"


def _is_told(one: Workload, volume: str) -> bool:
    """Tell whether a container that stays beside the server looks at the certificate."""
    return any(
        box.get("restartPolicy") == "Always"
        and "reload-certificates.sh" in " ".join(box.get("command", []))
        and volume in _mounts(box)
        for box in one.pod.get("initContainers", [])
    )


def _mounts(box: dict[str, Any]) -> set[str]:
    return {mount["name"] for mount in box.get("volumeMounts", [])}


RULES = (
    connections_are_encrypted,
    renewed_certificates_are_read,
    certificates_have_the_names_of_services,
)
