"""Rules about what stays shut and what stays whole: settings, Services, servers, images, rights."""

import math
import re

from tests.kubernetes.manifests import Manifests, values

# A pod's settings hold for its containers unless one says otherwise: none may.
OF_THE_POD = {"runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile", "procMount"}
# Who may be asked from where. Anything else is asked inside the namespace only.
INGRESS_MAY_ASK = {"crm-web"}
WEB_SETTINGS = {
    "CRM_ENV": {"production"},
    "DJANGO_DEBUG": {"", "false"},
    "CRM_SECOND_FACTOR": {"", "true"},
    "DJANGO_SECURE_SSL_REDIRECT": {"", "true"},
    # One Ingress stands before the web servers, and ends TLS.
    "CRM_PROXIES": {"1"},
    "DJANGO_BEHIND_TLS_PROXY": {"true"},
}
MAY_LEAVE = {"backup", "database"}
SECRET_IN_A_COMMAND = re.compile(
    r"(?:passw(?:or)?d|secret|token|api_?key)\w*\s*[=:]\s*(?![\"']?\$|[\"']?%s)[^\s\"'$]{4,}", re.I
)
DURABLE = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")
OFF = {"off", "false", "no", "0", "local", "remote_write"}


def containers_do_not_differ_from_their_pod(all_of: Manifests):
    """1: what the pod forbids, a container does not allow itself; no port of the node."""
    for one in all_of.workloads():
        if set(one.pod.get("securityContext", {})) & {"sysctls", "windowsOptions"}:
            yield f"{one.title} changes the kernel"
        for container in one.containers:
            own = set(container.get("securityContext", {})) & OF_THE_POD
            if own:
                yield f"{one.title}/{container['name']} has its own {sorted(own)}"
            if any("hostPort" in port for port in container.get("ports", [])):
                yield f"{one.title}/{container['name']} listens on the node"
        if one.pod.get("hostAliases"):
            yield f"{one.title}: names lead elsewhere than for everybody"


def nobody_is_bound_to_rights(all_of: Manifests):
    """2: nothing of ours speaks to the API server, so nothing needs a right there."""
    for doc in all_of.kind("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"):
        yield f"{doc['kind']} {doc['metadata']['name']} gives rights in the cluster"


def one_image_is_ours(all_of: Manifests):
    """3, 12: what migrates is what runs."""
    images = {
        box["image"]
        for one in all_of.workloads()
        # Made of the same image, with PostgreSQL's server and barman-cloud beside it.
        if one.component not in {"database", "queue"} and one.name != "crm-log-drill"
        for box in one.containers
    }
    if len(images) != 1:
        yield f"Several images of ours: {sorted(images)}"


def probes_are_patient_and_ask(all_of: Manifests):
    """4: a server that is busy for a moment is not restarted; "true" is no question."""
    for one in all_of.workloads():
        for container in one.pod["containers"]:
            for name in ("livenessProbe", "readinessProbe", "startupProbe"):
                probe = container.get(name, {})
                said = " ".join(probe.get("exec", {}).get("command", []))
                if probe.get("exec") and not re.search(r"pg_isready|psql|valkey-cli|alive", said):
                    yield f"{one.title}: {name} asks nothing"
            alive = container.get("livenessProbe")
            if alive and (
                alive.get("timeoutSeconds", 1) < 3
                or alive.get("failureThreshold", 3) * alive.get("periodSeconds", 10) < 30
            ):
                yield f"{one.title} is restarted for a moment of silence"


def spreading_says_what_it_means(all_of: Manifests):
    """6: a word that Kubernetes does not know would be refused with the whole Deployment."""
    for one in all_of.workloads():
        for rule in one.pod.get("topologySpreadConstraints", []):
            if rule["whenUnsatisfiable"] not in {"DoNotSchedule", "ScheduleAnyway"}:
                yield f"{one.title}: {rule['whenUnsatisfiable']}"


def openings_are_of_single_ports(all_of: Manifests):
    """10: no range of ports, and the way to the world for those who carry things away."""
    for doc in all_of.kind("NetworkPolicy"):
        name = f"NetworkPolicy {doc['metadata']['name']}"
        rules = [*doc["spec"].get("ingress", []), *doc["spec"].get("egress", [])]
        if any("endPort" in port for rule in rules for port in rule.get("ports", [])):
            yield f"{name} opens a range of ports"
        leaves = any(
            "ipBlock" in peer for rule in doc["spec"].get("egress", []) for peer in rule["to"]
        )
        labels = doc["spec"]["podSelector"].get("matchLabels", {})
        who = labels.get("app.kubernetes.io/component") or (
            "database" if "cnpg.io/cluster" in labels else ""
        )
        if leaves and who not in MAY_LEAVE:
            yield f"{name} lets {who or 'several'} out into the world"


def services_stay_inside(all_of: Manifests):
    """10, 15: only the Ingress is seen from outside, and it leads to the web servers."""
    for doc in all_of.kind("Service"):
        spec = doc["spec"]
        if spec.get("type", "ClusterIP") != "ClusterIP" or spec.get("externalIPs"):
            yield f"Service {doc['metadata']['name']} is seen from outside"
        if any("nodePort" in port for port in spec["ports"]):
            yield f"Service {doc['metadata']['name']} listens on every node"
    for doc in all_of.kind("Ingress"):
        asked = {
            path["backend"]["service"]["name"]
            for rule in doc["spec"]["rules"]
            for path in rule["http"]["paths"]
        }
        if not asked <= INGRESS_MAY_ASK or "defaultBackend" in doc["spec"]:
            yield f"Ingress {doc['metadata']['name']} leads to {sorted(asked)}"


def commands_hold_no_secret(all_of: Manifests):
    """11: nor do commands, arguments or packed settings, and no Secret is optional."""
    for one in all_of.workloads():
        for container in one.containers:
            said = " ".join([*container.get("command", []), *container.get("args", [])])
            if SECRET_IN_A_COMMAND.search(said):
                yield f"{one.title}/{container['name']}: a secret in a command"
        for path, value in values(one.pod):
            if path.endswith("optional") and value is True:
                yield f"{one.title} starts without its secrets: {path}"
    for doc in all_of.kind("ConfigMap"):
        if doc.get("binaryData"):
            yield f"ConfigMap {doc['metadata']['name']}: nobody sees what is in binaryData"


def the_site_is_set_up_for_the_world(all_of: Manifests):
    """What Django's own check would say on the server: debugging off, doors on, hosts named."""
    for one in all_of.workloads():
        for container in one.containers:
            for variable in container.get("env", []):
                allowed = WEB_SETTINGS.get(variable["name"])
                if allowed is not None and variable.get("value", "").lower() not in allowed:
                    yield f"{one.title}: {variable['name']} is {variable.get('value')}"
    for doc in all_of.kind("ConfigMap"):
        if doc["metadata"]["name"].startswith("crm-config"):
            data = doc["data"]
            for name, allowed in WEB_SETTINGS.items():
                if data.get(name, "").lower() not in allowed:
                    yield f"Settings: {name} is {data.get(name)}"
            hosts = {
                rule["host"] for one in all_of.kind("Ingress") for rule in one["spec"]["rules"]
            }
            if set(data.get("DJANGO_ALLOWED_HOSTS", "").split(",")) != hosts:
                yield "Settings: the site answers to other names than the Ingress"


def what_is_acknowledged_is_on_disk(all_of: Manifests):
    """13, 16: no server is made quick by letting it forget; one queue, with a password."""
    for doc in all_of.kind("Cluster"):
        parameters = doc["spec"]["postgresql"].get("parameters", {})
        for name in DURABLE:
            if str(parameters.get(name, "on")).lower() in OFF:
                yield f"Cluster: {name} is {parameters[name]}"
    for doc in all_of.kind("ConfigMap"):
        if text := doc.get("data", {}).get("postgresql.conf"):
            for name in DURABLE:
                found = re.search(rf"^{name}\s*=\s*'?(\w+)", text, re.MULTILINE)
                if found and found[1].lower() in OFF:
                    yield f"postgresql.conf: {name} is {found[1]}"
        if text := doc.get("data", {}).get("valkey.conf"):
            wanted = {"appendonly yes", "appendfsync always", "maxmemory-policy noeviction"}
            for line in sorted(wanted - set(text.splitlines())):
                yield f"valkey.conf lacks {line}"
    for one in all_of.workloads():
        if one.component == "queue":
            if one.spec.get("replicas") != 1:
                yield f"{one.title}: two queues that know nothing of each other"
            if "requirepass" not in " ".join(one.pod["containers"][0].get("command", [])):
                yield f"{one.title} asks nobody for a password"


def what_runs_by_the_clock_runs(all_of: Manifests):
    """13: not suspended, every night, of the Cluster that is there; one migration at a time."""
    for doc in all_of.kind("CronJob"):
        name = doc["metadata"]["name"]
        if doc["spec"].get("suspend") and name != "crm-restore":
            yield f"CronJob {name} does not run"
    for one in all_of.workloads():
        if one.kind in {"Job", "CronJob"}:
            job = one.spec["jobTemplate"]["spec"] if one.kind == "CronJob" else one.spec
            if job.get("parallelism", 1) != 1 or job.get("completions", 1) != 1:
                yield f"{one.title} runs several times at once"
    clusters = all_of.names("Cluster")
    for doc in all_of.kind("ScheduledBackup"):
        spec = doc["spec"]
        if spec.get("suspend"):
            yield f"ScheduledBackup {doc['metadata']['name']} does not run"
        if spec["cluster"]["name"] not in clusters:
            yield f"ScheduledBackup of {spec['cluster']['name']}, which is not there"
        if not re.fullmatch(r"\d+ \d+ \d+ \* \* \*", spec["schedule"]):
            yield f"ScheduledBackup: {spec['schedule']} is not every night"


def numbers_are_fetched(all_of: Manifests):
    """Issue 6: what alerts ask for is asked of a port that pods have, with the token."""
    for doc in all_of.kind("PodMonitor"):
        name, spec = doc["metadata"]["name"], doc["spec"]
        wanted = spec["selector"].get("matchLabels", {})
        own = [one for one in all_of.workloads() if wanted.items() <= one.labels.items()]
        for end in spec["podMetricsEndpoints"]:
            # Pods of a Cluster are the operator's: their port is called metrics.
            ports = {port for one in own for port in one.ports} if own else {"metrics"}
            if end["port"] not in ports:
                yield f"PodMonitor {name}: no port {end['port']}"
            if own and "authorization" not in end:
                yield f"PodMonitor {name} is told nothing without the token"


def caught_in_time(seconds: str) -> float:
    """Read ``720h`` as a number of hours."""
    found = re.fullmatch(r"(\d+)h", seconds)
    return float(found[1]) if found else math.nan


def certificates_are_renewed_in_time(all_of: Manifests):
    """11: a certificate is renewed a third of its life before its end, with a new key."""
    for doc in all_of.kind("Certificate"):
        spec, name = doc["spec"], doc["metadata"]["name"]
        life = caught_in_time(spec.get("duration", "2160h"))
        before = caught_in_time(spec.get("renewBefore", f"{int(life // 3)}h"))
        if not life / 10 <= before <= life / 2:
            yield f"Certificate {name}: renewed {before} h before the end of {life} h"


RULES = (
    containers_do_not_differ_from_their_pod,
    nobody_is_bound_to_rights,
    one_image_is_ours,
    probes_are_patient_and_ask,
    spreading_says_what_it_means,
    openings_are_of_single_ports,
    services_stay_inside,
    commands_hold_no_secret,
    the_site_is_set_up_for_the_world,
    what_is_acknowledged_is_on_disk,
    what_runs_by_the_clock_runs,
    numbers_are_fetched,
    certificates_are_renewed_in_time,
)
