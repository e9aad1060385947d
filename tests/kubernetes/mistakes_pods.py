"""Mistakes in single pods, each with the rule that must see it (rules_pods.py)."""

from tests.kubernetes.parts import BEAT, WEB, WORKER, box, cluster, pod, spec


def tcp_probe(manifests):
    box(manifests, "postgres")["livenessProbe"] = {"tcpSocket": {"port": 5432}}


DEV = {
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
}
PROD = {
    "servers on one node": (
        lambda m: cluster(m)["affinity"].update(podAntiAffinityType="preferred"),
        "pods_are_spread",
    ),
    "image built on the spot": (
        lambda m: box(m, WEB).update(image="crm:local"),
        "images_are_pinned",
    ),
}
