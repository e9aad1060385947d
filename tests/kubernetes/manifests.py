"""What an overlay comes to, in a shape that rules can ask."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
RENDERED = ROOT / "k8s" / "rendered"
OVERLAYS = ("dev", "staging", "prod")

# Made by somebody else before the overlay is applied (k8s/README.md), with their keys.
SECRETS_BY_HAND = {
    "dev": {
        "crm-secrets": {"DJANGO_SECRET_KEY", "CRM_METRICS_TOKEN"},
        "valkey-secret": {"VALKEY_PASSWORD", "REDIS_URL"},
        "postgres-secret": {"POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"},
        "postgres-app": {"POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"},
        "backup-secret": {"CRM_BACKUP_RECIPIENTS", "CRM_BACKUP_KEY"},
    },
}
# Pods of other namespaces that policies may name: (namespace, label, value).
STRANGERS = {
    ("kube-system", "k8s-app", "kube-dns"),
    ("traefik", "app.kubernetes.io/name", "traefik"),
    ("monitoring", "app.kubernetes.io/name", "prometheus"),
    ("cnpg-system", "app.kubernetes.io/name", "cloudnative-pg"),
}
COMPONENT = "app.kubernetes.io/component"
# What cert-manager puts on the pods that answer an authority on the internet.
SOLVER = {"acme.cert-manager.io/http01-solver": "true"}


@dataclass
class Workload:
    """Something that makes pods, and the description of these pods."""

    kind: str
    name: str
    spec: dict[str, Any]
    labels: dict[str, str]
    pod: dict[str, Any]
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def component(self) -> str:
        return self.labels.get(COMPONENT, "")

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def ports(self) -> set[str | int]:
        ports = [port for one in self.pod["containers"] for port in one.get("ports", [])]
        return {port[key] for port in ports for key in ("name", "containerPort") if key in port}


class Manifests:
    """All objects of one overlay."""

    def __init__(self, docs: list[dict[str, Any]], overlay: str = "") -> None:
        self.docs = [doc for doc in docs if doc]
        self.overlay = overlay

    @classmethod
    def of(cls, overlay: str) -> "Manifests":
        text = (RENDERED / f"{overlay}.yaml").read_text("utf-8")
        return cls(list(yaml.load_all(text, Loader=yaml.CSafeLoader)), overlay)

    def kind(self, *kinds: str) -> list[dict[str, Any]]:
        return [doc for doc in self.docs if doc["kind"] in kinds]

    def get(self, kind: str, name: str) -> dict[str, Any]:
        [found] = [doc for doc in self.kind(kind) if doc["metadata"]["name"] == name]
        return found

    def names(self, kind: str) -> set[str]:
        return {doc["metadata"]["name"] for doc in self.kind(kind)}

    def workloads(self) -> list[Workload]:
        return [workload(doc) for doc in self.kind("Deployment", "StatefulSet", "Job", "CronJob")]

    def workload(self, name: str) -> Workload:
        [found] = [one for one in self.workloads() if one.name == name]
        return found

    def pods(self) -> dict[str, dict[str, str]]:
        """Labels of all pods there will be, also of those that operators make."""
        found = {one.title: one.labels for one in self.workloads()}
        for cluster in self.kind("Cluster"):
            name = cluster["metadata"]["name"]
            inherited = cluster["spec"].get("inheritedMetadata", {}).get("labels", {})
            found[f"Cluster {name}"] = {**inherited, "cnpg.io/cluster": name}
        if self.from_the_internet():
            found["Pod of cert-manager"] = SOLVER
        return found

    def from_the_internet(self) -> list[dict[str, Any]]:
        """List the Ingresses whose certificate comes from an issuer of the whole cluster."""
        issued = "cert-manager.io/cluster-issuer"
        return [doc for doc in self.kind("Ingress") if issued in annotations(doc)]

    def secrets(self) -> dict[str, set[str]]:
        """Secrets that will be there, with their keys."""
        found = {name: set(keys) for name, keys in SECRETS_BY_HAND.get(self.overlay, {}).items()}
        for doc in self.kind("ExternalSecret"):
            target = doc["spec"]["target"]
            made = target.get("template", {}).get("data", {})
            found[target["name"]] = set(made) or {one["secretKey"] for one in doc["spec"]["data"]}
        for doc in self.kind("Certificate"):
            found[doc["spec"]["secretName"]] = {"tls.crt", "tls.key", "ca.crt"}
        for cluster in self.kind("Cluster"):
            found[f"{cluster['metadata']['name']}-ca"] = {"ca.crt", "ca.key"}
        for doc in self.kind("Ingress"):
            if any(key.startswith("cert-manager.io/") for key in annotations(doc)):
                found |= {one["secretName"]: {"tls.crt"} for one in doc["spec"]["tls"]}
        return found


def annotations(doc: dict[str, Any]) -> dict[str, str]:
    return doc["metadata"].get("annotations", {})


def workload(doc: dict[str, Any]) -> Workload:
    spec = doc["spec"]
    template = (spec["jobTemplate"]["spec"] if doc["kind"] == "CronJob" else spec)["template"]
    claims = {one["metadata"]["name"]: one for one in spec.get("volumeClaimTemplates", [])}
    labels = template.get("metadata", {}).get("labels", {})
    return Workload(doc["kind"], doc["metadata"]["name"], spec, labels, template["spec"], claims)


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Tell whether a label selector matches; an empty one matches everything."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions", []):
        has = labels.get(rule["key"])
        fits = {
            "In": has in rule.get("values", []),
            "NotIn": has not in rule.get("values", []),
            "Exists": has is not None,
            "DoesNotExist": has is None,
        }
        if not fits[rule["operator"]]:
            return False
    return True


def values(node: Any, path: str = "") -> "list[tuple[str, Any]]":
    """List every value in a document with its path, as ``a.b.0.c``."""
    if isinstance(node, dict):
        parts = node.items()
    elif isinstance(node, list):
        parts = enumerate(node)
    else:
        return [(path, node)]
    return [one for key, child in parts for one in values(child, f"{path}.{key}".lstrip("."))]


def bytes_of(amount: str) -> int:
    """Read ``512Mi`` as a number of bytes."""
    number, unit = re.fullmatch(r"(\d+)([KMGT]i)?", amount).groups()
    return int(number) * 1024 ** ("", "Ki", "Mi", "Gi", "Ti").index(unit or "")
