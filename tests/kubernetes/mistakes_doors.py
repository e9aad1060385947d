"""Mistakes in what stays shut and whole, each with the rule that must see it (rules_doors.py)."""

from tests.kubernetes.parts import (
    WEB,
    add,
    box,
    change_file,
    cluster,
    pod,
    policy,
    set_config,
    spec,
)

RBAC = "rbac.authorization.k8s.io"


def bind_to_everything(manifests):
    add(
        manifests,
        apiVersion=f"{RBAC}/v1",
        kind="ClusterRoleBinding",
        metadata={"name": "x"},
        roleRef={"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": RBAC},
        subjects=[{"kind": "ServiceAccount", "name": WEB, "namespace": "crm-rfm"}],
    )


def lead_to_the_queue(manifests):
    path = {"path": "/q", "pathType": "Prefix", "backend": {"service": {"name": "valkey"}}}
    spec(manifests, "Ingress", "crm")["rules"][0]["http"]["paths"].append(path)


def out_into_the_world(manifests):
    rule = {
        "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}],
        "ports": [{"protocol": "TCP", "port": 443}],
    }
    policy(manifests, "ask-the-queue")["egress"].append(rule)


def in_valkey_conf(old, new):
    return lambda m: change_file(m, "valkey.conf", old, new)


def no_password_for_the_queue(manifests):
    command = box(manifests, "valkey")["command"]
    command[-1] = "exec valkey-server /etc/valkey/valkey.conf"


def missing_secrets(manifests):
    for volume in pod(manifests, WEB)["volumes"]:
        for source in volume.get("projected", {}).get("sources", [])[:1]:
            source["secret"]["optional"] = True


def parameter(**values):
    return lambda m: cluster(m)["postgresql"]["parameters"].update(values)


def setting(**values):
    return lambda m: set_config(m, **values)


def base_backup(**values):
    return lambda m: spec(m, "ScheduledBackup", "postgres-base").update(values)


def endpoint(manifests):
    return spec(manifests, "PodMonitor", WEB)["podMetricsEndpoints"][0]


DIFFERS = "containers_do_not_differ_from_their_pod"
WORLD = "the_site_is_set_up_for_the_world"
DISK = "what_is_acknowledged_is_on_disk"
CLOCK = "what_runs_by_the_clock_runs"
INSIDE = "services_stay_inside"
PROD = {
    "a container that is root": (
        lambda m: box(m, WEB)["securityContext"].update(runAsUser=0, runAsNonRoot=False),
        DIFFERS,
    ),
    "a container without seccomp": (
        lambda m: box(m, WEB)["securityContext"].update(seccompProfile={"type": "Unconfined"}),
        DIFFERS,
    ),
    "a port of the node": (lambda m: box(m, WEB)["ports"][0].update(hostPort=8000), DIFFERS),
    "another kernel": (
        lambda m: pod(m, WEB)["securityContext"].update(sysctls=[{"name": "a", "value": "1"}]),
        DIFFERS,
    ),
    "another postgres": (
        lambda m: pod(m, WEB).update(hostAliases=[{"ip": "10.0.0.1", "hostnames": ["postgres"]}]),
        DIFFERS,
    ),
    "administrator of the cluster": (bind_to_everything, "nobody_is_bound_to_rights"),
    "web newer than its migrations": (
        lambda m: box(m, WEB).update(image="registry.example.com/crm@sha256:" + "f" * 64),
        "one_image_is_ours",
    ),
    "a queue that is always ready": (
        lambda m: box(m, "valkey").update(readinessProbe={"exec": {"command": ["true"]}}),
        "probes_are_patient_and_ask",
    ),
    "restarted after a second": (
        lambda m: box(m, WEB)["livenessProbe"].update(periodSeconds=1, timeoutSeconds=1),
        "probes_are_patient_and_ask",
    ),
    "a word that spreads nothing": (
        lambda m: pod(m, WEB)["topologySpreadConstraints"][0].update(whenUnsatisfiable="Never"),
        "spreading_says_what_it_means",
    ),
    "a range of ports": (
        lambda m: policy(m, "web")["ingress"][0]["ports"][0].update(endPort=65535),
        "openings_are_of_single_ports",
    ),
    "a way out for the web": (out_into_the_world, "openings_are_of_single_ports"),
    "a balancer of one's own": (
        lambda m: spec(m, "Service", WEB).update(type="LoadBalancer"),
        INSIDE,
    ),
    "the queue on an outer address": (
        lambda m: spec(m, "Service", "valkey").update(externalIPs=["203.0.113.5"]),
        INSIDE,
    ),
    "the queue behind the Ingress": (lead_to_the_queue, INSIDE),
    "a password in an argument": (
        lambda m: box(m, "crm-backup").update(args=["--password=hunter2"]),
        "commands_hold_no_secret",
    ),
    "a password in a command": (
        lambda m: box(m, "crm-backup").update(command=["sh", "-ec", "PGPASSWORD=hunter2 run"]),
        "commands_hold_no_secret",
    ),
    "packed settings": (
        lambda m: m.kind("ConfigMap")[0].update(binaryData={"x": "aHVudGVyMg=="}),
        "commands_hold_no_secret",
    ),
    "a secret that may be missing": (missing_secrets, "commands_hold_no_secret"),
    "debugging": (setting(DJANGO_DEBUG="true"), WORLD),
    "a place for trying things": (setting(CRM_ENV="development"), WORLD),
    "a password alone": (setting(CRM_SECOND_FACTOR="false"), WORLD),
    "any name of the site": (setting(DJANGO_ALLOWED_HOSTS="*"), WORLD),
    "addresses that anybody may write": (setting(CRM_PROXIES="5"), WORLD),
    "servers that forget": (parameter(fsync="off"), DISK),
    "commits that wait for nobody": (parameter(synchronous_commit="off"), DISK),
    "pages torn in two": (parameter(full_page_writes="off"), DISK),
    "a second that the queue forgets": (in_valkey_conf("always", "everysec"), DISK),
    "a queue that throws away": (in_valkey_conf("noeviction", "allkeys-lru"), DISK),
    "two queues": (lambda m: spec(m, "StatefulSet", "valkey").update(replicas=2), DISK),
    "a queue for everybody": (no_password_for_the_queue, DISK),
    "backups that wait": (lambda m: spec(m, "CronJob", "crm-backup").update(suspend=True), CLOCK),
    "archive that nobody restores": (
        lambda m: box(m, "crm-log-drill").update(command=["python", "manage.py", "check"]),
        "backups_are_made_and_proved_daily",
    ),
    "drill of another archive": (
        lambda m: box(m, "crm-log-drill")["env"].append(
            {"name": "CRM_ARCHIVE_URL", "value": "s3://other/"}
        ),
        "backups_are_made_and_proved_daily",
    ),
    "two migrations at once": (
        lambda m: spec(m, "Job", "crm-migrate").update(parallelism=2),
        CLOCK,
    ),
    "base backups that wait": (base_backup(suspend=True), CLOCK),
    "base backups of nobody": (base_backup(cluster={"name": "another"}), CLOCK),
    "base backups once a year": (base_backup(schedule="0 0 1 1 1 *"), CLOCK),
    "numbers of no port": (lambda m: endpoint(m).update(port="metricz"), "numbers_are_fetched"),
    "numbers without a token": (
        lambda m: endpoint(m).pop("authorization"),
        "numbers_are_fetched",
    ),
}
DEV = {
    "a certificate renewed on its last day": (
        lambda m: spec(m, "Certificate", "postgres-tls").update(renewBefore="24h"),
        "certificates_are_renewed_in_time",
    ),
}
