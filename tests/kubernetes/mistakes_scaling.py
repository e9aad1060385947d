"""Mistakes in how many pods there are, each with the rule that must see it (rules_scaling.py)."""

import copy

from tests.kubernetes.parts import WEB, WORKER, box, spec


def scale_the_database(manifests):
    web = copy.deepcopy(manifests.get("HorizontalPodAutoscaler", WEB))
    web["metadata"]["name"] = "postgres"
    web["spec"]["scaleTargetRef"] = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "name": "postgres",
    }
    manifests.docs.append(web)


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
    "budget that forbids drains": (
        lambda m: spec(m, "PodDisruptionBudget", "postgres").update(minAvailable=1),
        "disruptions_are_bounded",
    ),
}
PROD = {
    "memory that idle web servers fill": (
        lambda m: box(m, WEB)["resources"]["requests"].update(memory="512Mi"),
        "normal_work_adds_no_pods",
    ),
    "four jobs at once in the memory of two": (
        lambda m: box(m, WORKER)["command"].__setitem__(-1, "4"),
        "normal_work_adds_no_pods",
    ),
}
