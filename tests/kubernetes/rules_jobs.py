"""Rules about what runs once or by the clock: migrations, schedules, backups and their proof."""

import re

from tests.kubernetes.manifests import Manifests

FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


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


RULES = (
    nothing_starts_before_the_migrations,
    schedules_are_careful,
    backups_are_made_and_proved_daily,
)
