"""Rules about secrets: none in git, none in the environment, each with those alone who need it."""

import math
import re
from collections import Counter

from tests.kubernetes.manifests import Manifests, values

PASSWORD_LIKE = re.compile(r"passw|secret|token|credential|api_?key|private_?key|access_?key", re.I)
URL_WITH_PASSWORD = re.compile(r"[a-z0-9+]+://[^/\s:@{]*:[^@\s/{]+@")

# Which login the application uses: the store says it.
CHOSEN = "{{ .POSTGRES_USER }}"


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


RULES = (
    secrets_are_references,
    secret_files_are_for_their_readers,
    only_drill_and_restore_open_backups,
    the_application_owns_nothing,
)
