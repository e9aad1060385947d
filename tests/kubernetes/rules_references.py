"""What only an API server would notice, or nobody before a pod does not start."""

import re
from collections import Counter
from typing import Any

from tests.kubernetes.manifests import ROOT, Manifests, Workload, selects

OWN_VARIABLES = {
    "REMAP_SIGTERM",
    "PGDATA",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_DEFAULT_REGION",
}
# The Helm release of kube-prometheus-stack (k8s/README.md).
PROMETHEUS = "kube-prometheus-stack"
OF_THE_IMAGE = {"POSTGRES_INITDB_WALDIR", "POSTGRES_INITDB_ARGS"}


def names_are_unique(all_of: Manifests):
    """17: of two objects with one name the second would win."""
    counts = Counter((doc["kind"], doc["metadata"]["name"]) for doc in all_of.docs)
    for (kind, name), count in counts.items():
        if count > 1:
            yield f"{kind} {name} is there {count} times"


def selectors_fit_their_pods(all_of: Manifests):
    """17: a controller that does not find its own pods makes new ones for ever."""
    for one in all_of.workloads():
        if one.kind in {"Deployment", "StatefulSet"}:
            if not one.spec["selector"] or not selects(one.spec["selector"], one.labels):
                yield f"{one.title} does not select its own pods"
    for left in all_of.workloads():
        for right in all_of.workloads():
            if left.name != right.name and left.kind in {"Deployment", "StatefulSet"}:
                if selects(left.spec["selector"], right.labels):
                    yield f"{left.title} also selects pods of {right.title}"


def services_lead_somewhere(all_of: Manifests):
    """15, 17: every Service finds pods that have the port, and every Ingress its Service."""
    services = {doc["metadata"]["name"]: doc["spec"] for doc in all_of.kind("Service")}
    for name, spec in services.items():
        found = [
            one
            for one in all_of.workloads()
            if selects({"matchLabels": spec["selector"]}, one.labels)
        ]
        if not found:
            yield f"Service {name} leads nowhere"
        for port in spec["ports"]:
            for one in found:
                if port.get("targetPort", port["port"]) not in one.ports:
                    yield f"Service {name}: {one.title} has no port {port.get('targetPort')}"
    for doc in all_of.kind("Ingress"):
        for rule in doc["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                ports = services.get(backend["name"], {}).get("ports", [])
                if backend["port"].get("name") not in {port.get("name") for port in ports}:
                    yield f"Ingress leads to {backend['name']}, which does not listen"
        secured = {host for one in doc["spec"].get("tls", []) for host in one["hosts"]}
        if {rule["host"] for rule in doc["spec"]["rules"]} != secured:
            yield "Ingress answers without TLS"
    for one in all_of.workloads():
        if one.kind == "StatefulSet" and one.spec["serviceName"] not in services:
            yield f"{one.title}: there is no Service {one.spec['serviceName']}"


def probes_ask_ports_that_exist(all_of: Manifests):
    """17: a probe of a port with a wrong name fails for ever."""
    for one in all_of.workloads():
        for container in one.pod["containers"]:
            for key, probe in container.items():
                port = probe.get("httpGet", {}).get("port") if key.endswith("Probe") else None
                if port is not None and port not in one.ports:
                    yield f"{one.title}: {key} asks port {port}"


def mounts_have_volumes(all_of: Manifests):
    """17: what is mounted is there, and what is there is mounted."""
    for one in all_of.workloads():
        there = {volume["name"] for volume in one.pod.get("volumes", [])} | set(one.claims)
        mounted = set()
        for container in one.containers:
            paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
            if len(paths) != len(set(paths)):
                yield f"{one.title}: two volumes at one place"
            mounted |= {mount["name"] for mount in container.get("volumeMounts", [])}
        for name in mounted ^ there:
            yield f"{one.title}: {name} is {'not there' if name in mounted else 'not mounted'}"


def _wanted_secrets(one: Workload):
    """Yield (secret, keys) that a pod reads; no keys means all of them."""
    for volume in one.pod.get("volumes", []):
        sources: list[dict[str, Any]] = volume.get("projected", {}).get("sources", [])
        if "secret" in volume:
            sources = [{"secret": {**volume["secret"], "name": volume["secret"]["secretName"]}}]
        for source in sources:
            if "secret" in source:
                items = source["secret"].get("items", [])
                yield source["secret"]["name"], {item["key"] for item in items}


def references_resolve(all_of: Manifests):
    """17: accounts, settings, claims, secrets with their keys are there or declared."""
    secrets, accounts = all_of.secrets(), all_of.names("ServiceAccount")
    settings, claims = all_of.names("ConfigMap"), all_of.names("PersistentVolumeClaim")
    for one in all_of.workloads():
        if one.pod.get("serviceAccountName") not in accounts:
            yield f"{one.title}: no account {one.pod.get('serviceAccountName')}"
        for name, keys in _wanted_secrets(one):
            if not keys <= secrets.get(name, set()) or name not in secrets:
                yield f"{one.title}: nobody makes Secret {name} with {sorted(keys)}"
        for volume in one.pod.get("volumes", []):
            if "configMap" in volume and volume["configMap"]["name"] not in settings:
                yield f"{one.title}: no ConfigMap {volume['configMap']['name']}"
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and claim not in claims:
                yield f"{one.title}: no claim {claim}"
        for container in one.containers:
            for source in container.get("envFrom", []):
                if source.get("configMapRef", {}).get("name") not in settings:
                    yield f"{one.title}: no settings {source}"
    yield from _references_of_operators(all_of, secrets)


def _references_of_operators(all_of: Manifests, secrets: dict[str, set[str]]):
    wanted = [
        ref
        for doc in all_of.kind("ObjectStore")
        for ref in doc["spec"]["configuration"]["s3Credentials"].values()
    ]
    wanted += [
        end["authorization"]["credentials"]
        for doc in all_of.kind("PodMonitor")
        for end in doc["spec"]["podMetricsEndpoints"]
        if "authorization" in end
    ]
    for doc in all_of.kind("Cluster"):
        name = doc["spec"]["bootstrap"]["initdb"]["secret"]["name"]
        logins = [name, *(r["passwordSecret"]["name"] for r in doc["spec"]["managed"]["roles"])]
        wanted += [{"name": n, "key": key} for n in logins for key in ("username", "password")]
    for ref in wanted:
        if ref["key"] not in secrets.get(ref["name"], set()):
            yield f"Nobody makes {ref['key']} of Secret {ref['name']}"
    for doc in all_of.kind("PodMonitor"):
        if not any(selects(doc["spec"]["selector"], labels) for labels in all_of.pods().values()):
            yield f"PodMonitor {doc['metadata']['name']} watches nothing"


def prometheus_takes_what_is_for_it(all_of: Manifests):
    """17: its chart passes by, without a word, what does not bear the name of its release."""
    for doc in all_of.kind("PodMonitor", "PrometheusRule"):
        if doc["metadata"].get("labels", {}).get("release") != PROMETHEUS:
            yield f"Prometheus does not load {doc['kind']} {doc['metadata']['name']}"


def shared_volumes_name_their_class(all_of: Manifests):
    """17: the default class is rarely one that many nodes write to; its claim waits for ever."""
    for doc in all_of.kind("PersistentVolumeClaim"):
        shared = "ReadWriteMany" in doc["spec"]["accessModes"]
        if shared and not doc["spec"].get("storageClassName"):
            yield f"PersistentVolumeClaim {doc['metadata']['name']} names no storage class"


def files_named_in_settings_are_mounted(all_of: Manifests):
    """17: every *_FILE names a file that some Secret puts there."""
    config = {doc["metadata"]["name"]: doc.get("data", {}) for doc in all_of.kind("ConfigMap")}
    secrets = all_of.secrets()
    for one in all_of.workloads():
        for container in one.containers:
            env = {v["name"]: v.get("value", "") for v in container.get("env", [])}
            for source in container.get("envFrom", []):
                env |= config.get(source.get("configMapRef", {}).get("name"), {})
            files = {value for name, value in env.items() if name.endswith("_FILE")}
            trusted = ("PGSSLROOTCERT", "REDIS_SSLROOTCERT")
            files |= {env[name] for name in trusted if name in env}
            files -= {"/tmp/alive"}  # noqa: S108 - the sign of life, made by the process itself
            there = set(_mounted_files(one, container, secrets))
            for missing in sorted(files - there):
                yield f"{one.title}/{container['name']}: {missing} is not mounted"


def _mounted_files(one: Workload, container: dict[str, Any], secrets: dict[str, set[str]]):
    volumes = {volume["name"]: volume for volume in one.pod.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        volume = volumes.get(mount["name"], {})
        sources = [one["secret"] for one in volume.get("projected", {}).get("sources", [])]
        if "secret" in volume:
            sources = [{**volume["secret"], "name": volume["secret"]["secretName"]}]
        for source in sources:
            items = source.get("items")
            keys = [item["path"] for item in items] if items else secrets.get(source["name"], ())
            yield from (f"{mount['mountPath']}/{key}" for key in keys)


def variables_are_known(all_of: Manifests):
    """17: a setting with a typing error is a setting that nobody reads."""
    text = (ROOT / ".env.example").read_text("utf-8")
    known = set(re.findall(r"^# ([A-Z][A-Z0-9_]+)=", text, re.MULTILINE)) | OWN_VARIABLES
    for one in all_of.workloads():
        extra = OF_THE_IMAGE if one.component == "database" else set()
        for container in one.containers:
            for variable in container.get("env", []):
                name = variable["name"]
                if name not in known and name.removesuffix("_FILE") not in known | extra:
                    yield f"{one.title}: nobody reads {name}"
    for doc in all_of.kind("ConfigMap"):
        if doc["metadata"]["name"].startswith("crm-config"):
            for name in doc["data"]:
                if name.removesuffix("_FILE") not in known:
                    yield f"ConfigMap: nobody reads {name}"


def commands_exist(all_of: Manifests):
    """17: what a pod runs is a command of ours."""
    apps = ("crm_project/common", "customers", "orders", "analytics", "recommendations")
    ours = {path.stem for app in apps for path in (ROOT / app / "management/commands").glob("*.py")}
    for one in all_of.workloads():
        for container in one.containers:
            said = " ".join([*container.get("command", []), *container.get("args", [])])
            for name in re.findall(r"manage\.py (\w+)", said):
                if name not in ours | {"migrate"}:
                    yield f"{one.title}: there is no command {name}"


RULES = (
    names_are_unique,
    selectors_fit_their_pods,
    services_lead_somewhere,
    probes_ask_ports_that_exist,
    mounts_have_volumes,
    references_resolve,
    prometheus_takes_what_is_for_it,
    shared_volumes_name_their_class,
    files_named_in_settings_are_mounted,
    variables_are_known,
    commands_exist,
)
