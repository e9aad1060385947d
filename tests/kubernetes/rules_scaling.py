"""Rules about how many pods there are: more under load, never none while a node is emptied."""

import re
from typing import Any

from tests.kubernetes.manifests import ROOT, Manifests, Workload, bytes_of, selects

SCALED = {"crm-web", "crm-consumer", "crm-worker"}
BY_QUEUE = {
    "crm-consumer": {"crm_signal_queue_depth": 100, "crm_signal_queue_oldest_seconds": 5},
    "crm-worker": {"crm_jobs_queued": 2},
}


MIB = 1024**2
PAGES = 290
"""MiB of a web process that has shown all pages: 142 before its first request (2026-11-22)."""

IDLE = 148
"""MiB of a worker's process that hands out jobs."""

JOB = {"dev": 357}
LARGE_JOB = 1_065
"""MiB of a process after a job of 100,000 customers; in dev of 10,000 (docs/benchmarks.md)."""


def web_processes() -> int:
    """Return how many web processes the image starts."""
    [found] = re.findall(r'"--workers", "(\d+)"', (ROOT / "Dockerfile").read_text("utf-8"))
    return int(found)


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


def _memory_of_normal_work(one: Workload, overlay: str) -> int:
    """Return the bytes that a pod holds when it has done what it is there for; 0: not measured."""
    if one.component == "web":
        return MIB * web_processes() * PAGES
    if one.component == "worker":
        command = one.pod["containers"][0]["command"]
        at_once = int(command[command.index("--concurrency") + 1])
        return MIB * (IDLE + at_once * JOB.get(overlay, LARGE_JOB))
    return 0


def normal_work_adds_no_pods(all_of: Manifests):
    """8: below the share of memory at which the autoscaler adds pods, that would never go again."""
    for doc in all_of.kind("HorizontalPodAutoscaler"):
        one = all_of.workload(doc["spec"]["scaleTargetRef"]["name"])
        needed = _memory_of_normal_work(one, all_of.overlay)
        asked = bytes_of(one.pod["containers"][0]["resources"]["requests"]["memory"])
        for metric in doc["spec"]["metrics"]:
            resource = metric.get("resource", {})
            if resource.get("name") == "memory":
                share = resource["target"]["averageUtilization"] / 100
                if needed > asked * share:
                    yield f"{one.title}: {needed / MIB:,.0f} MiB of normal work add pods"


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
    normal_work_adds_no_pods,
    disruptions_are_bounded,
)
