"""Rules about scaling, secrets, schedules, volumes, services and the cluster of servers."""

import math
import re
from collections import Counter
from typing import Any

from tests.kubernetes.manifests import Manifests, selects, values

PASSWORD_LIKE = re.compile(r"passw|secret|token|credential|api_?key|private_?key|access_?key", re.I)
URL_WITH_PASSWORD = re.compile(r"[a-z0-9+]+://[^/\s:@{]*:[^@\s/{]+@")
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
SCALED = {"crm-web", "crm-consumer", "crm-worker"}

# Which login the application uses: the store says it.
CHOSEN = "{{ .POSTGRES_USER }}"
BY_QUEUE = {
    "crm-consumer": {"crm_signal_queue_depth": 100, "crm_signal_queue_oldest_seconds": 5},
    "crm-worker": {"crm_jobs_queued": 2},
}


def only_what_holds_no_data_is_scaled(all_of: Manifests):
    """8: an autoscaler on a database makes empty databases."""
    deployments = all_of.names("Deployment")
    for doc in all_of.kind("HorizontalPodAutoscaler"):
        target = doc["spec"]["scaleTargetRef"]
        name = f"HorizontalPodAutoscaler {doc['metadata']['name']}"
        if target["kind"] != "Deployment" or target["name"] not in SCALED:
            yield f"{name} scales {target['kind']} {target['name']}"
        elif target["name"] not in deployments:
            yield f"{name} scales nothing"
        elif "replicas" in all_of.get("Deployment", target["name"])["spec"]:
            yield f"{name} and its Deployment both say how many"
        if not 1 <= doc["spec"].get("minReplicas", 1) < doc["spec"]["maxReplicas"]:
            yield f"{name} has nothing to choose from"
        kinds = {metric.get("resource", {}).get("name") for metric in doc["spec"]["metrics"]}
        if "cpu" not in kinds:
            yield f"{name} does not look at the processors"


def scaling_follows_the_thresholds(all_of: Manifests):
    """8: 70 % CPU, 80 % memory; consumers and workers by what waits, where measured."""
    for doc in all_of.kind("HorizontalPodAutoscaler"):
        wanted = {"cpu": 70, "memory": 80}
        found: dict[str, Any] = {}
        for metric in doc["spec"]["metrics"]:
            if metric["type"] == "Resource":
                resource = metric["resource"]
                found[resource["name"]] = resource["target"]["averageUtilization"]
            else:
                target = metric["external"]["target"]
                value = target.get("averageValue", target.get("value"))
                found[metric["external"]["metric"]["name"]] = int(value)
        if all_of.kind("PrometheusRule"):
            wanted |= BY_QUEUE.get(doc["metadata"]["name"], {})
        if found != wanted:
            yield f"{doc['metadata']['name']} is scaled by {found}"


def disruptions_are_bounded(all_of: Manifests):
    """9: nodes can be emptied, and never all at once."""
    pods = all_of.workloads()
    for doc in all_of.kind("PodDisruptionBudget"):
        name = f"PodDisruptionBudget {doc['metadata']['name']}"
        if doc["spec"].get("maxUnavailable") != 1 or "minAvailable" in doc["spec"]:
            yield f"{name} could forbid every drain"
        if doc["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{name} protects broken pods"
        if not any(selects(doc["spec"]["selector"], one.labels) for one in pods):
            yield f"{name} is about no pod"
    budgets = [doc["spec"]["selector"] for doc in all_of.kind("PodDisruptionBudget")]
    for one in pods:
        if one.component in {"web", "consumer", "worker", "queue", "database"}:
            if not any(selects(budget, one.labels) for budget in budgets):
                yield f"{one.title} has no budget"


def secrets_are_references(all_of: Manifests):
    """11: no value of a secret in git, in no place where one could stand."""
    if all_of.kind("Secret"):
        yield "A Secret with its values is in git"
    for doc in all_of.kind("ConfigMap"):
        for key, value in doc.get("data", {}).items():
            if PASSWORD_LIKE.search(key) and not key.endswith("_FILE"):
                yield f"ConfigMap {doc['metadata']['name']} has {key}"
            for word in re.findall(r"[\w+/=.-]{20,}", value if len(value) < 2_000 else ""):
                if looks_random(word):
                    yield f"ConfigMap {doc['metadata']['name']}: {key} looks like a secret"
    for one in all_of.workloads():
        for container in one.containers:
            for variable in container.get("env", []):
                name, value = variable["name"], variable.get("value", "")
                if PASSWORD_LIKE.search(name) and not name.endswith("_FILE"):
                    yield f"{one.title}: {name} stands in the manifest or in the environment"
                if looks_random(value):
                    yield f"{one.title}: {name} looks like a secret"
    for doc in all_of.docs:
        for path, value in values(doc):
            if isinstance(value, str) and URL_WITH_PASSWORD.search(value):
                yield f"{doc['kind']} {doc['metadata']['name']}: a password at {path}"


def looks_random(text: str) -> bool:
    """Long, of many kinds of characters, and not a path, a URL or a word: entropy per character."""
    if len(text) < 20 or "/" in text or " " in text or "sha256" in text:
        return False
    counts = Counter(text)
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    kinds = sum(any(test(c) for c in text) for test in (str.isdigit, str.islower, str.isupper))
    return bits > 3.7 and kinds == 3


def secret_files_are_for_their_readers(all_of: Manifests):
    """11: secrets come as files that only the pod's user and group may read."""
    for one in all_of.workloads():
        for volume in one.pod.get("volumes", []):
            projected = volume.get("projected", {})
            is_secret = "secret" in volume or any(
                "secret" in s for s in projected.get("sources", [])
            )
            mode = volume.get("secret", projected).get("defaultMode")
            if is_secret and mode != 0o440:
                yield f"{one.title}: {volume['name']} may be read by others"
        for container in one.containers:
            for path, value in values(container):
                if path.endswith(".name") and "secretKeyRef" in path:
                    yield f"{one.title}: {value} goes into the environment"
            for source in container.get("envFrom", []):
                if "secretRef" in source:
                    yield f"{one.title}: a Secret goes into the environment"


def only_drill_and_restore_open_backups(all_of: Manifests):
    """13: what writes backups cannot read them; only who restores is a superuser."""
    for one in all_of.workloads():
        opens = "CRM_BACKUP_KEY" in str(one.pod.get("volumes"))
        restores = one.name in {"crm-backup-drill", "crm-restore"}
        if opens != restores:
            yield f"{one.title} {'holds' if opens else 'lacks'} the key of backups"
        if "restore-secret" in str(one.pod.get("volumes")) and not restores:
            yield f"{one.title} may do everything in the database"


def the_application_owns_nothing(all_of: Manifests):
    """11, 12: web, worker, consumer and beat log in as app_user; the owner's login migrates."""
    for one in all_of.workloads():
        secrets = {
            source["secret"]["name"]
            for volume in one.pod.get("volumes", [])
            for source in volume.get("projected", {}).get("sources", [])
        }
        if one.kind == "Deployment":
            if "postgres-app" not in secrets or "postgres-secret" in secrets:
                yield f"{one.title} logs in as the owner of the tables"
        if one.component == "migrate":
            said = " ".join(one.pod["containers"][0]["command"])
            if not re.search(r"manage\.py migrate\b.*; python manage\.py apply_roles", said):
                yield f"{one.title} leaves new tables without rights"
    given = {doc["spec"]["target"]["name"]: doc for doc in all_of.kind("ExternalSecret")}
    for cluster in all_of.kind("Cluster"):
        first = cluster["spec"]["bootstrap"]["initdb"]
        for secret, user in (("postgres-secret", first["owner"]), ("postgres-app", CHOSEN)):
            data = given[secret]["spec"]["target"]["template"]["data"]
            if (data["POSTGRES_USER"], data["POSTGRES_DB"]) != (user, first["database"]):
                yield f"Secret {secret} is of a login that the Cluster does not have"


def nothing_starts_before_the_migrations(all_of: Manifests):
    """12: web, worker, consumer and beat wait; the migration does not wait for locks."""
    for one in all_of.workloads():
        waits = [" ".join(box.get("command", [])) for box in one.pod.get("initContainers", [])]
        if one.kind == "Deployment" and not any("migrate --check" in text for text in waits):
            yield f"{one.title} starts before the tables are there"
        if one.component == "migrate":
            if "--lock-seconds" in " ".join(one.pod["containers"][0]["command"]):
                yield f"{one.title} may make everybody wait behind it"
    if not any(one.component == "migrate" for one in all_of.workloads()):
        yield "Nothing migrates the database"


def is_cron(text: str) -> bool:
    """Five fields of numbers, ranges, lists and steps, each within its bounds."""
    parts = text.split()
    if len(parts) != len(FIELDS):
        return False
    for part, (low, high) in zip(parts, FIELDS, strict=True):
        for one in part.split(","):
            found = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", one)
            numbers = [int(n) for n in found.groups()[:2] if n] if found else [-1]
            if not all(low <= number <= high for number in numbers):
                return False
    return True


def schedules_are_careful(all_of: Manifests):
    """13: five fields, the business's clock, never two at once, never for ever, history kept."""
    zones = {
        doc["data"]["CRM_TIME_ZONE"]
        for doc in all_of.kind("ConfigMap")
        if "CRM_TIME_ZONE" in doc.get("data", {})
    }
    for doc in all_of.kind("CronJob"):
        spec, name = doc["spec"], f"CronJob {doc['metadata']['name']}"
        if not is_cron(spec["schedule"]):
            yield f"{name}: {spec['schedule']} is no schedule of five fields"
        if {spec.get("timeZone")} != zones:
            yield f"{name} does not run by the business's clock"
        if spec.get("concurrencyPolicy") != "Forbid":
            yield f"{name} may run twice at the same time"
        wanted = {"startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"}
        if not wanted <= set(spec):
            yield f"{name} lacks {sorted(wanted - set(spec))}"
    for one in all_of.workloads():
        if one.kind not in {"Job", "CronJob"}:
            continue
        spec = one.spec["jobTemplate"]["spec"] if one.kind == "CronJob" else one.spec
        if one.pod.get("restartPolicy") != "Never":
            yield f"{one.title} has no restartPolicy that keeps its log"
        if not {"backoffLimit", "activeDeadlineSeconds"} <= set(spec):
            yield f"{one.title} could try for ever"
        for container in one.containers:
            command = container.get("command", [])
            if command[:1] in (["sh"], ["bash"]) and ";" in command[-1]:
                if "-euc" not in command and "set -e" not in command[-1]:
                    if "until " not in command[-1]:
                        yield f"{one.title} goes on after a command that failed"


def backups_are_made_and_proved_daily(all_of: Manifests):
    """13: at 02:00, kept for 30 days, restored every day; a restore waits for a person."""
    found = {doc["metadata"]["name"]: doc["spec"] for doc in all_of.kind("CronJob")}
    runs = {one.name: one for one in all_of.workloads() if one.kind == "CronJob"}
    said = {
        name: " ".join([*box.get("command", []), *box.get("args", [])])
        for name, one in runs.items()
        for box in one.pod["containers"]
    }
    daily = [
        name for name, spec in found.items() if re.match(r"\d+ \d+ \* \* \*$", spec["schedule"])
    ]
    made = [n for n in daily if "backup create" in said[n] and found[n]["schedule"] == "0 2 * * *"]
    if not made:
        yield "No backup is made at 02:00"
    settings = {
        key: value for doc in all_of.kind("ConfigMap") for key, value in doc["data"].items()
    }
    if settings.get("CRM_BACKUP_BY_BEAT") != "false":
        yield "Beat makes backups, too"
    if not [name for name in daily if said[name].endswith("backup drill")]:
        yield "No backup is restored to see whether it can be"
    of_the_log = [name for name in found if "backup drill --point-in-time" in said[name]]
    if all_of.kind("ObjectStore") and not of_the_log:
        yield "The archive of the log is never restored"
    restores = [name for name in found if "backup restore" in said[name]]
    if not restores:
        yield "There is no form to restore from"
    for name in restores:
        if not found[name].get("suspend") or "--force" in said[name]:
            yield f"CronJob {name} could overwrite the database by itself"
    for name, one in runs.items():
        env = {v["name"]: v.get("value", "") for v in one.pod["containers"][0].get("env", [])}
        if name in of_the_log:
            [store] = [doc["spec"]["configuration"] for doc in all_of.kind("ObjectStore")]
            if env.get("CRM_ARCHIVE_URL") != store["destinationPath"]:
                yield f"CronJob {name} looks for the archive where it is not"
            continue
        if env.get("CRM_BACKUP_LOCK_DAYS", "30") != "30" or env.get("CRM_BACKUP_KEEP_DAYS") != "30":
            yield f"CronJob {name} does not keep backups for 30 days"
        url = env.get("CRM_BACKUP_URL", "")
        if not url.startswith("file:///" if all_of.overlay == "dev" else "s3://"):
            yield f"CronJob {name} leaves backups at {url or 'no place'}"


def volumes_outlive_their_pods(all_of: Manifests):
    """14: one writer, kept when the StatefulSet goes; the log of the database lies apart."""
    for one in all_of.workloads():
        if one.kind != "StatefulSet":
            continue
        kept = one.spec.get("persistentVolumeClaimRetentionPolicy", {})
        if kept != {"whenDeleted": "Retain", "whenScaled": "Retain"}:
            yield f"{one.title} takes its data with it"
        if not one.claims:
            yield f"{one.title} has no volume"
        for name, claim in one.claims.items():
            if claim["spec"]["accessModes"] != ["ReadWriteOncePod"]:
                yield f"{one.title}: two pods could write to {name}"
        if one.component == "database" and len(one.claims) < 2:
            yield f"{one.title}: data and log lie on one volume"
    for doc in all_of.kind("Cluster"):
        if "walStorage" not in doc["spec"]:
            yield "Cluster: data and log lie on one volume"


def the_database_has_its_names(all_of: Manifests):
    """15: postgres for writing, postgres-ro for readers that bear a lag, one name per server."""
    if clusters := all_of.kind("Cluster"):
        services = clusters[0]["spec"].get("managed", {}).get("services", {}).get("additional", [])
        names = {
            one["serviceTemplate"]["metadata"]["name"]: one["selectorType"] for one in services
        }
        if clusters[0]["metadata"]["name"] != "postgres" or names.get("postgres") != "rw":
            yield "There is no Service postgres that leads to the primary"
        if "maximumLag" not in clusters[0]["spec"].get("probes", {}).get("readiness", {}):
            yield "postgres-ro leads to standbys that are far behind"
        web = all_of.workload("crm-web").pod["containers"][0]
        if {"name": "POSTGRES_REPLICA_HOST", "value": "postgres-ro"} not in web.get("env", []):
            yield "Nobody reads from the standbys"
        return
    if not {"postgres", "postgres-ro", "postgres-headless"} <= all_of.names("Service"):
        yield "A Service of the database is missing"


def the_cluster_of_servers_loses_nothing(all_of: Manifests):
    """16: three, one of which always has what was acknowledged; archived; only over TLS."""
    for doc in all_of.kind("Cluster"):
        spec = doc["spec"]
        if spec["instances"] < 3 or not spec.get("enablePDB"):
            yield "Cluster: fewer than three servers, or drained all at once"
        if spec["postgresql"].get("synchronous") != {
            "method": "any",
            "number": 1,
            "dataDurability": "required",
            "failoverQuorum": True,
        }:
            yield "Cluster: a commit may be lost in a failover"
        rules = spec["postgresql"].get("pg_hba", [])
        first = [line.split()[0] for line in rules]
        if first != ["hostssl", "hostnossl"] or not rules[1].endswith("reject"):
            yield "Cluster takes connections without TLS"
        if spec["postgresql"]["parameters"].get("archive_timeout") != "60s":
            yield "Cluster: more than a minute may be lost with the site"
        if not any(plugin.get("isWALArchiver") for plugin in spec.get("plugins", [])):
            yield "Cluster archives nothing"
        if spec.get("enableSuperuserAccess"):
            yield "Cluster has a superuser with a password"
        if "barmanObjectStore" in spec.get("backup", {}):
            yield "Cluster uses the archive that the operator has given up"
        base = [one for one in all_of.kind("ScheduledBackup") if one["spec"]["method"] == "plugin"]
        if not base or len(base[0]["spec"]["schedule"].split()) != 6:
            yield "Cluster has no base backup to go back to"
        stores = {one["metadata"]["name"]: one["spec"] for one in all_of.kind("ObjectStore")}
        for plugin in spec.get("plugins", []):
            store = stores.get(plugin["parameters"]["barmanObjectName"], {})
            if store.get("retentionPolicy") != "30d":
                yield "The archive does not reach back 30 days"


RULES = (
    only_what_holds_no_data_is_scaled,
    scaling_follows_the_thresholds,
    disruptions_are_bounded,
    secrets_are_references,
    secret_files_are_for_their_readers,
    only_drill_and_restore_open_backups,
    the_application_owns_nothing,
    nothing_starts_before_the_migrations,
    schedules_are_careful,
    backups_are_made_and_proved_daily,
    volumes_outlive_their_pods,
    the_database_has_its_names,
    the_cluster_of_servers_loses_nothing,
)
