"""Rules about single pods: what they may do, how they are asked, what they may use."""

import re

from tests.kubernetes.manifests import Manifests, bytes_of, values

RESTRICTED = {f"pod-security.kubernetes.io/{mode}" for mode in ("enforce", "warn", "audit")}
DIGEST = re.compile(r"^[a-z0-9.-]+\.[a-z]+/[a-z0-9/_-]+(:[\w.-]+)?@sha256:[0-9a-f]{64}$")
LONG_ENOUGH_FOR_RECOVERY = 600
SPREAD = {"web", "consumer", "worker"}


def namespaces_are_restricted(all_of: Manifests):
    """1: the namespace refuses pods that want more than the strictest standard."""
    for doc in all_of.kind("Namespace"):
        labels = doc["metadata"].get("labels", {})
        if any(labels.get(label) != "restricted" for label in RESTRICTED):
            yield f"Namespace {doc['metadata']['name']} is not restricted"
    for doc in all_of.docs:
        if doc["kind"] not in {"Namespace"} and "namespace" not in doc["metadata"]:
            yield f"{doc['kind']} {doc['metadata']['name']} has no namespace"


def pods_run_without_rights(all_of: Manifests):
    """1: no root, no way to more rights, no writing but into sized volumes."""
    for one in all_of.workloads():
        pod = one.pod.get("securityContext", {})
        if pod.get("runAsNonRoot") is not True or not pod.get("runAsUser"):
            yield f"{one.title} may run as root"
        if pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{one.title} has no seccomp profile"
        if any(one.pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{one.title} shares the node"
        for container in one.containers:
            has = container.get("securityContext", {})
            if has.get("allowPrivilegeEscalation") is not False or has.get("privileged"):
                yield f"{one.title}/{container['name']} may get more rights"
            if has.get("capabilities") != {"drop": ["ALL"]}:
                yield f"{one.title}/{container['name']} keeps capabilities"
            if has.get("readOnlyRootFilesystem") is not True:
                yield f"{one.title}/{container['name']} may write to its image"


def scratch_volumes_have_a_size(all_of: Manifests):
    """1: a pod that writes without end fills its own volume, not the node."""
    for one in all_of.workloads():
        for volume in one.pod.get("volumes", []):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{one.title}: {volume['name']} has no size"
            if "hostPath" in volume:
                yield f"{one.title}: {volume['name']} is a folder of the node"


def accounts_have_no_token(all_of: Manifests):
    """2: an account for each kind of pod, and none of them speaks to the API server."""
    used = {}
    for one in all_of.workloads():
        account = one.pod.get("serviceAccountName", "default")
        if one.pod.get("automountServiceAccountToken") is not False:
            yield f"{one.title} carries a token"
        if account == "default" or account in used:
            yield f"{one.title} shares the account {account}"
        used[account] = one.title
    for doc in all_of.kind("ServiceAccount"):
        if doc.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount {doc['metadata']['name']} gives its token away"
    for doc in all_of.kind("Role", "ClusterRole"):
        if any(value == "*" for _, value in values(doc)):
            yield f"{doc['kind']} {doc['metadata']['name']} allows everything"


def images_are_pinned(all_of: Manifests):
    """3: what was tested is what runs; only a development cluster builds its own."""
    images = [(one.title, box["image"]) for one in all_of.workloads() for box in one.containers]
    images += [("Cluster", doc["spec"].get("imageName", "")) for doc in all_of.kind("Cluster")]
    for title, image in images:
        if all_of.overlay == "dev" and image == "crm:local":
            continue
        if not DIGEST.match(image):
            yield f"{title} runs {image}, which is not one image for ever"


def probes_speak_the_protocol(all_of: Manifests):
    """4: an open port says nothing."""
    for one in all_of.workloads():
        if one.kind not in {"Deployment", "StatefulSet"}:
            continue
        for container in one.pod["containers"]:
            probes = {key: value for key, value in container.items() if key.endswith("Probe")}
            for name, probe in probes.items():
                if not {"httpGet", "exec", "grpc"} & set(probe):
                    yield f"{one.title}: {name} does not speak the protocol"
            for name in ("startupProbe", "livenessProbe"):
                if name not in probes:
                    yield f"{one.title} has no {name}"
            if one.ports and "readinessProbe" not in probes:
                yield f"{one.title} serves and has no readinessProbe"


def probes_ask_the_right_thing(all_of: Manifests):
    """4: alive is the process, ready is everything it needs; a database may take its time."""
    for one in all_of.workloads():
        main = one.pod["containers"][0]
        asked = {
            key: " ".join(map(str, [text for _, text in values(value)]))
            for key, value in main.items()
            if key.endswith("Probe")
        }
        alive, ready = (asked.get(f"{name}Probe", "") for name in ("liveness", "readiness"))
        if one.component == "web" and ("/livez" not in alive or "/readyz" not in ready):
            yield f"{one.title}: alive is /livez and ready is /readyz"
        if one.component in {"consumer", "worker", "beat"} and "alive" not in alive:
            yield f"{one.title} is not asked for its sign of life"
        if one.component == "database":
            start = main.get("startupProbe", {})
            budget = start.get("periodSeconds", 10) * start.get("failureThreshold", 3)
            if budget < LONG_ENOUGH_FOR_RECOVERY:
                yield f"{one.title} is killed while it recovers from a crash"
            if re.search(r"\bselect\b", alive, re.IGNORECASE) or "pg_isready" not in alive:
                yield f"{one.title}: its life must not depend on a query"
            if "pg_is_in_recovery" not in ready:
                yield f"{one.title}: ready must mean that it can be written to"


def pods_end_in_peace(all_of: Manifests):
    """5: time to finish, and no moment without a web server."""
    for one in all_of.workloads():
        grace = one.pod.get("terminationGracePeriodSeconds", 0)
        needed = {"web": 60, "worker": 60, "consumer": 60, "database": 120, "queue": 60}
        if grace < needed.get(one.component, 30):
            yield f"{one.title} has {grace} s to end"
        if one.component == "web":
            if "preStop" not in one.pod["containers"][0].get("lifecycle", {}):
                yield f"{one.title} stops before the load balancer knows"
            if one.spec.get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") != 0:
                yield f"{one.title} may be away during a release"
        if one.component == "beat":
            if one.spec.get("replicas") != 1 or one.spec["strategy"]["type"] != "Recreate":
                yield f"{one.title} could run twice"


def pods_are_spread(all_of: Manifests):
    """6: one broken node takes one of them."""
    for one in all_of.workloads():
        rules = {
            rule["topologyKey"]: rule["whenUnsatisfiable"]
            for rule in one.pod.get("topologySpreadConstraints", [])
            if rule["labelSelector"]["matchLabels"].items() <= one.labels.items()
        }
        if one.component in SPREAD and "kubernetes.io/hostname" not in rules:
            yield f"{one.title} may all be on one node"
        if one.component == "database":
            if rules.get("kubernetes.io/hostname") != "DoNotSchedule":
                yield f"{one.title}: two of them may share a node"
            if rules.get("topology.kubernetes.io/zone") != "ScheduleAnyway":
                yield f"{one.title} is not spread over zones"
    for doc in all_of.kind("Cluster"):
        if doc["spec"].get("affinity", {}).get("podAntiAffinityType") != "required":
            yield "Cluster: two of its servers may share a node"


def containers_say_what_they_use(all_of: Manifests):
    """7: requests and limits on every container; no limit of CPU where it would hurt all."""
    for one in all_of.workloads():
        for container in one.containers:
            has = container.get("resources", {})
            asks, limits = has.get("requests", {}), has.get("limits", {})
            title = f"{one.title}/{container['name']}"
            if not {"cpu", "memory", "ephemeral-storage"} <= set(asks):
                yield f"{title} does not say what it needs"
            if not {"memory", "ephemeral-storage"} <= set(limits):
                yield f"{title} has no limit"
            elif bytes_of(limits["memory"]) < bytes_of(asks.get("memory", "0")):
                yield f"{title} may use less than it asks for"
            if one.component in {"database", "queue"} and "cpu" in limits:
                yield f"{title} is throttled when everybody waits for it"
    for doc in all_of.kind("Cluster"):
        if "cpu" in doc["spec"].get("resources", {}).get("limits", {}):
            yield "Cluster is throttled when everybody waits for it"


def services_leave_no_variables(all_of: Manifests):
    """A Service called postgres would set POSTGRES_PORT to tcp://..., which we read as a port."""
    for one in all_of.workloads():
        if one.pod.get("enableServiceLinks") is not False:
            yield f"{one.title} gets variables from Services"


RULES = (
    namespaces_are_restricted,
    pods_run_without_rights,
    scratch_volumes_have_a_size,
    accounts_have_no_token,
    images_are_pinned,
    probes_speak_the_protocol,
    probes_ask_the_right_thing,
    pods_end_in_peace,
    pods_are_spread,
    containers_say_what_they_use,
    services_leave_no_variables,
)
