"""A rule that nothing breaks may be asleep: each of these mistakes must be seen by its rule."""

import copy
from pathlib import Path

import pytest
import yaml

from tests.kubernetes import mistakes_tls
from tests.kubernetes.manifests import Manifests
from tests.kubernetes.mistakes_doors import DEV_DOORS, DOORS
from tests.kubernetes.parts import add, box, cluster, pod, policy, set_config, spec
from tests.kubernetes.test_manifests import NAMES

WEB, WORKER, BEAT = "crm-web", "crm-worker", "crm-beat"


def scale_the_database(manifests):
    web = copy.deepcopy(manifests.get("HorizontalPodAutoscaler", WEB))
    web["metadata"]["name"] = "postgres"
    web["spec"]["scaleTargetRef"] = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "name": "postgres",
    }
    manifests.docs.append(web)


def tcp_probe(manifests):
    box(manifests, "postgres")["livenessProbe"] = {"tcpSocket": {"port": 5432}}


def write_a_password(manifests):
    box(manifests, WEB).setdefault("env", []).append({"name": "POSTGRES_PASSWORD", "value": "x"})


def password_in_a_url(manifests):
    set_config(manifests, DATABASE_URL="postgres://crm:hunter2@postgres/crm")


def secret_in_git(manifests):
    add(manifests, kind="Secret", metadata={"name": "postgres-secret"}, stringData={"A": "b"})


def random_word_in_settings(manifests):
    set_config(manifests, CRM_CURRENCY="hT9x2LqPz7VbN4mKc8RwYs3D")


def secret_into_the_environment(manifests):
    reference = {"secretKeyRef": {"name": "postgres-secret", "key": "POSTGRES_PASSWORD"}}
    box(manifests, WEB).setdefault("env", []).append({"name": "X", "valueFrom": reference})


def whole_namespace(manifests):
    policy(manifests, "database")["ingress"][0]["from"].append(
        {"namespaceSelector": {"matchLabels": {"component": "crm"}}}
    )


def queue_for_backups(manifests):
    out = policy(manifests, "ask-the-queue")["podSelector"]
    into = policy(manifests, "queue")["ingress"][0]["from"][0]["podSelector"]
    for selector in (out, into):
        selector["matchExpressions"][0]["values"].append("backup")


def secret_file_for_all(manifests):
    for volume in pod(manifests, WEB)["volumes"]:
        volume.get("projected", {})["defaultMode"] = 0o444


def drop(manifests, kind, name):
    manifests.docs.remove(manifests.get(kind, name))


def other_label(manifests):
    manifests.workload(WEB).labels["app.kubernetes.io/name"] = "web"


def unmount(manifests):
    box(manifests, WEB)["volumeMounts"][0]["name"] = "elsewhere"


DEV = {
    "autoscaler on the database": (scale_the_database, "only_what_holds_no_data_is_scaled"),
    "replicas beside an autoscaler": (
        lambda m: spec(m, "Deployment", WEB).update(replicas=2),
        "only_what_holds_no_data_is_scaled",
    ),
    "other threshold": (
        lambda m: spec(m, "HorizontalPodAutoscaler", WEB)["metrics"].pop(),
        "scaling_follows_the_thresholds",
    ),
    "probe of an open port": (tcp_probe, "probes_speak_the_protocol"),
    "no liveness": (lambda m: box(m, BEAT).pop("livenessProbe"), "probes_speak_the_protocol"),
    "life that depends on the database": (
        lambda m: box(m, WEB)["livenessProbe"]["httpGet"].update(path="/readyz"),
        "probes_ask_the_right_thing",
    ),
    "impatient start of the database": (
        lambda m: box(m, "postgres")["startupProbe"].update(failureThreshold=3),
        "probes_ask_the_right_thing",
    ),
    "password as a value": (write_a_password, "secrets_are_references"),
    "password in a URL": (password_in_a_url, "secrets_are_references"),
    "Secret in git": (secret_in_git, "secrets_are_references"),
    "random word in settings": (random_word_in_settings, "secrets_are_references"),
    "secret in the environment": (
        secret_into_the_environment,
        "secret_files_are_for_their_readers",
    ),
    "secret file for all": (
        secret_file_for_all,
        "secret_files_are_for_their_readers",
    ),
    "the key of backups for their writer": (
        lambda m: pod(m, "crm-backup")["volumes"].append(
            {
                "name": "k",
                "secret": {"secretName": "backup-secret", "items": [{"key": "CRM_BACKUP_KEY"}]},
            }
        ),
        "only_drill_and_restore_open_backups",
    ),
    "the owner's login for the web": (
        lambda m: (
            m.workload(WEB)
            .pod["volumes"][0]["projected"]["sources"]
            .append({"secret": {"name": "postgres-secret"}})
        ),
        "the_application_owns_nothing",
    ),
    "tables without rights": (
        lambda m: box(m, "crm-migrate").update(command=["python", "manage.py", "migrate"]),
        "the_application_owns_nothing",
    ),
    "labels that the selector lacks": (other_label, "selectors_fit_their_pods"),
    "Service of nobody": (
        lambda m: spec(m, "Service", WEB)["selector"].update({"app.kubernetes.io/name": "webb"}),
        "services_lead_somewhere",
    ),
    "Service with a wrong port": (
        lambda m: spec(m, "Service", WEB)["ports"][0].update(targetPort="htpp"),
        "services_lead_somewhere",
    ),
    "Ingress without TLS": (
        lambda m: spec(m, "Ingress", "crm").update(tls=[]),
        "services_lead_somewhere",
    ),
    "probe of a wrong port": (
        lambda m: box(m, WEB)["readinessProbe"]["httpGet"].update(port=8001),
        "probes_ask_ports_that_exist",
    ),
    "volume that is not mounted": (unmount, "mounts_have_volumes"),
    "account that is not there": (lambda m: drop(m, "ServiceAccount", WEB), "references_resolve"),
    "Secret that nobody makes": (
        lambda m: [
            source["secret"].update(name="crm-secretz")
            for volume in pod(m, WEB)["volumes"]
            for source in volume.get("projected", {}).get("sources", [])[:1]
        ],
        "references_resolve",
    ),
    "file that is not mounted": (
        lambda m: set_config(m, REDIS_URL_FILE="/run/secrets/redis"),
        "files_named_in_settings_are_mounted",
    ),
    "misspelt setting": (lambda m: set_config(m, CRM_TIMEZONE="UTC"), "variables_are_known"),
    "misspelt command": (
        lambda m: box(m, "crm-consumer").update(command=["python", "manage.py", "consume_signal"]),
        "commands_exist",
    ),
    "the same object twice": (
        lambda m: m.docs.append(m.get("Service", WEB)),
        "names_are_unique",
    ),
    "schedule of six fields": (
        lambda m: spec(m, "CronJob", "crm-backup").update(schedule="0 0 2 * * *"),
        "schedules_are_careful",
    ),
    "schedule at hour 24": (
        lambda m: spec(m, "CronJob", "crm-backup").update(schedule="0 24 * * *"),
        "schedules_are_careful",
    ),
    "two backups at once": (
        lambda m: spec(m, "CronJob", "crm-backup").pop("concurrencyPolicy"),
        "schedules_are_careful",
    ),
    "no restartPolicy": (
        lambda m: pod(m, "crm-backup").pop("restartPolicy"),
        "schedules_are_careful",
    ),
    "failure that the next command hides": (
        lambda m: box(m, "crm-backup").update(command=["sh", "-c", "backup create; backup prune"]),
        "schedules_are_careful",
    ),
    "backup that nobody restores": (
        lambda m: drop(m, "CronJob", "crm-backup-drill"),
        "backups_are_made_and_proved_daily",
    ),
    "restore that starts by itself": (
        lambda m: spec(m, "CronJob", "crm-restore").update(suspend=False),
        "backups_are_made_and_proved_daily",
    ),
    "restore that overwrites": (
        lambda m: box(m, "crm-restore").update(args=["--force"]),
        "backups_are_made_and_proved_daily",
    ),
    "beat makes backups, too": (
        lambda m: set_config(m, CRM_BACKUP_BY_BEAT="true"),
        "backups_are_made_and_proved_daily",
    ),
    "a week of backups": (
        lambda m: [
            variable.update(value="7")
            for variable in box(m, "crm-backup")["env"]
            if variable["name"] == "CRM_BACKUP_KEEP_DAYS"
        ],
        "backups_are_made_and_proved_daily",
    ),
    "open by default": (
        lambda m: drop(m, "NetworkPolicy", "default-deny"),
        "everything_is_shut_first",
    ),
    "no names": (
        lambda m: drop(m, "NetworkPolicy", "everybody-asks-for-names"),
        "names_can_be_asked_for",
    ),
    "a whole namespace to the database": (whole_namespace, "selectors_find_pods"),
    "policy about nobody": (
        lambda m: policy(m, "web").update(podSelector={"matchLabels": {"app": "web"}}),
        "selectors_find_pods",
    ),
    "every port": (
        lambda m: policy(m, "database")["ingress"][0].pop("ports"),
        "every_opening_is_narrow",
    ),
    "everybody": (
        lambda m: policy(m, "database")["ingress"][0].pop("from"),
        "every_opening_is_narrow",
    ),
    "a way out for one only": (
        lambda m: drop(m, "NetworkPolicy", "ask-the-database"),
        "servers_are_reached_by_those_who_need_them",
    ),
    "the queue for backups": (
        queue_for_backups,
        "servers_are_reached_by_those_who_need_them",
    ),
    "floating image": (
        lambda m: box(m, "valkey").update(image="docker.io/valkey/valkey:latest"),
        "images_are_pinned",
    ),
    "root": (
        lambda m: pod(m, WEB)["securityContext"].update(runAsUser=0),
        "pods_run_without_rights",
    ),
    "capabilities": (
        lambda m: pod(m, WEB)["initContainers"][0]["securityContext"].pop("capabilities"),
        "pods_run_without_rights",
    ),
    "lax namespace": (
        lambda m: m.kind("Namespace")[0]["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "baseline"}
        ),
        "namespaces_are_restricted",
    ),
    "endless scratch": (
        lambda m: [v["emptyDir"].clear() for v in pod(m, WEB)["volumes"] if "emptyDir" in v],
        "scratch_volumes_have_a_size",
    ),
    "token": (
        lambda m: pod(m, WORKER).update(automountServiceAccountToken=True),
        "accounts_have_no_token",
    ),
    "shared account": (
        lambda m: pod(m, WORKER).update(serviceAccountName=WEB),
        "accounts_have_no_token",
    ),
    "no time to end": (
        lambda m: pod(m, "postgres").update(terminationGracePeriodSeconds=30),
        "pods_end_in_peace",
    ),
    "release with a gap": (
        lambda m: spec(m, "Deployment", WEB)["strategy"]["rollingUpdate"].update(maxUnavailable=1),
        "pods_end_in_peace",
    ),
    "two beats": (lambda m: spec(m, "Deployment", BEAT).update(replicas=2), "pods_end_in_peace"),
    "all on one node": (
        lambda m: pod(m, WEB).pop("topologySpreadConstraints"),
        "pods_are_spread",
    ),
    "no limit of memory": (
        lambda m: pod(m, WEB)["initContainers"][0]["resources"].pop("limits"),
        "containers_say_what_they_use",
    ),
    "throttled database": (
        lambda m: box(m, "postgres")["resources"]["limits"].update(cpu="2"),
        "containers_say_what_they_use",
    ),
    "variables from Services": (
        lambda m: pod(m, WEB).pop("enableServiceLinks"),
        "services_leave_no_variables",
    ),
    "budget that forbids drains": (
        lambda m: spec(m, "PodDisruptionBudget", "postgres").update(minAvailable=1),
        "disruptions_are_bounded",
    ),
    "web before its tables": (
        lambda m: pod(m, WEB).pop("initContainers"),
        "nothing_starts_before_the_migrations",
    ),
    "migration that waits for locks": (
        lambda m: box(m, "crm-migrate").update(
            command=["sh", "-euc", "python manage.py migrate --lock-seconds 0"]
        ),
        "nothing_starts_before_the_migrations",
    ),
    "data that go with the StatefulSet": (
        lambda m: spec(m, "StatefulSet", "postgres").pop("persistentVolumeClaimRetentionPolicy"),
        "volumes_outlive_their_pods",
    ),
    "two writers": (
        lambda m: spec(m, "StatefulSet", "postgres")["volumeClaimTemplates"][0]["spec"].update(
            accessModes=["ReadWriteMany"]
        ),
        "volumes_outlive_their_pods",
    ),
    "no Service for readers": (
        lambda m: drop(m, "Service", "postgres-ro"),
        "the_database_has_its_names",
    ),
}
PROD = {
    "another owner": (
        lambda m: cluster(m)["bootstrap"]["initdb"].update(owner="crm"),
        "the_application_owns_nothing",
    ),
    "a superuser for who writes backups": (
        lambda m: pod(m, "crm-backup")["volumes"].append(
            {"name": "r", "secret": {"secretName": "restore-secret"}}
        ),
        "only_drill_and_restore_open_backups",
    ),
    "asynchronous": (
        lambda m: cluster(m)["postgresql"]["synchronous"].update(dataDurability="preferred"),
        "the_cluster_of_servers_loses_nothing",
    ),
    "two servers": (
        lambda m: cluster(m).update(instances=2),
        "the_cluster_of_servers_loses_nothing",
    ),
    "without TLS": (
        lambda m: cluster(m)["postgresql"]["pg_hba"].pop(),
        "the_cluster_of_servers_loses_nothing",
    ),
    "archive of a week": (
        lambda m: spec(m, "ObjectStore", "postgres-archive").update(retentionPolicy="7d"),
        "the_cluster_of_servers_loses_nothing",
    ),
    "standbys that nobody reads": (
        lambda m: box(m, WEB).pop("env"),
        "the_database_has_its_names",
    ),
    "readers of old data": (lambda m: cluster(m).pop("probes"), "the_database_has_its_names"),
    "servers on one node": (
        lambda m: cluster(m)["affinity"].update(podAntiAffinityType="preferred"),
        "pods_are_spread",
    ),
    "backups in the cluster": (
        lambda m: [
            variable.update(value="file:///backups")
            for variable in box(m, "crm-backup")["env"]
            if variable["name"] == "CRM_BACKUP_URL"
        ],
        "backups_are_made_and_proved_daily",
    ),
    "image built on the spot": (
        lambda m: box(m, WEB).update(image="crm:local"),
        "images_are_pinned",
    ),
    "way to the cloud's metadata": (
        lambda m: policy(m, "backups-leave")["egress"][0]["to"][0]["ipBlock"].pop("except"),
        "every_opening_is_narrow",
    ),
}
CASES = [("dev", name, *case) for name, case in DEV.items()]
CASES += [("prod", name, *case) for name, case in PROD.items()]
CASES += [("prod", name, *case) for name, case in DOORS.items()]
CASES += [("dev", name, *case) for name, case in DEV_DOORS.items()]
CASES += [("dev", name, *case) for name, case in mistakes_tls.DEV.items()]
CASES += [("prod", name, *case) for name, case in mistakes_tls.PROD.items()]


@pytest.fixture(scope="module")
def sound():
    return {overlay: Manifests.of(overlay) for overlay in ("dev", "prod")}


@pytest.mark.parametrize(
    ("overlay", "change", "rule"),
    [(overlay, change, rule) for overlay, _, change, rule in CASES],
    ids=[f"{overlay}: {name}" for overlay, name, *_ in CASES],
)
def test_the_mistake_is_seen(sound, overlay, change, rule):
    broken = Manifests(copy.deepcopy(sound[overlay].docs), overlay)

    change(broken)

    assert list(NAMES[rule](broken)) != []


def test_every_rule_has_seen_a_mistake():
    assert set(NAMES) - {rule for *_, rule in CASES} == set()


def test_manifests_of_the_usual_kind_fail():
    """The kind that a cluster accepts without a word: seen by the rules that they break."""
    text = (Path(__file__).parent / "usual_mistakes.yaml").read_text("utf-8")
    manifests = Manifests(list(yaml.safe_load_all(text)))

    broken = {name for name, rule in NAMES.items() if list(rule(manifests))}

    assert broken >= {
        "only_what_holds_no_data_is_scaled",
        "probes_speak_the_protocol",
        "secrets_are_references",
        "selectors_find_pods",
        "everything_is_shut_first",
        "images_are_pinned",
        "pods_run_without_rights",
        "accounts_have_no_token",
        "containers_say_what_they_use",
        "disruptions_are_bounded",
        "schedules_are_careful",
        "backups_are_made_and_proved_daily",
        "volumes_outlive_their_pods",
        "namespaces_are_restricted",
    }
