"""Rules about how many pods there are: more under load, never none while a node is emptied."""

from typing import Any

from tests.kubernetes.manifests import Manifests, selects

SCALED = {"crm-web", "crm-consumer", "crm-worker"}
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


RULES = (
    only_what_holds_no_data_is_scaled,
    scaling_follows_the_thresholds,
    disruptions_are_bounded,
)
