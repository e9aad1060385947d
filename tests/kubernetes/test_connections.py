"""However far the autoscalers go, the database has a connection for everybody.

What each kind of pod may hold is counted from what it runs; what is left for others (migrations,
backups, BI, the operator) is what ``apply_roles`` keeps from the application.
"""

import math
import re

import pytest
from django.conf import settings

from crm_project.common import roles
from tests.kubernetes.compose import compose, text_of
from tests.kubernetes.manifests import OVERLAYS, ROOT, Manifests
from tests.kubernetes.rules_scaling import web_processes

RESERVED = 3
"""superuser_reserved_connections, PostgreSQL's default."""

DEFAULT = 100
"""max_connections, PostgreSQL's default."""

APPLICATION = next(role for role in roles.ROLES if role.name == roles.APPLICATION)


def of_probes():
    """Return how many threads of each web process answer the platform."""
    text = (ROOT / "crm_project" / "asgi.py").read_text("utf-8")
    return int(re.search(r"Probes\(DjangoPages\(_django, threads=(\d+)\)", text)[1])


def of_web(given):
    # Pages, the API, probes, and the thread that looks tokens of senders up.
    threads = [("CRM_WEB_THREADS", settings.CRM_WEB_THREADS),
               ("CRM_API_THREADS", settings.CRM_API_THREADS)]  # fmt: skip
    each = sum(int(given.get(name, usual)) for name, usual in threads) + of_probes() + 1
    return web_processes() * min(each, int(given.get("DATABASE_POOL_SIZE", 0)) or each)


def of_consumer(given):
    return int(given.get("CRM_SIGNAL_THREADS", settings.CRM_SIGNAL_THREADS)) + 1


def of_worker(command):
    """A task and its heartbeat for each process, and the one that hands out the work."""
    return 2 * int(command[command.index("--concurrency") + 1]) + 1


def of_pod(name, given, command):
    """Return how many connections one pod may hold."""
    if name.endswith("web"):
        return of_web(given)
    if name.endswith("consumer"):
        return of_consumer(given)
    return of_worker(command) if name.endswith("worker") else 1


def may_have(max_connections):
    """Return the limit that ``apply_roles`` sets for the application."""
    return max(10, max_connections - RESERVED + APPLICATION.connections)


def environment(manifests, workload):
    [config] = [
        one["data"]
        for one in manifests.kind("ConfigMap")
        if one["metadata"]["name"].startswith("crm-config")
    ]
    own = workload.pod["containers"][0].get("env", [])
    return config | {one["name"]: one["value"] for one in own if "value" in one}


def most_pods(manifests, workload):
    """Return how many there may be: where an autoscaler stops, and what a release adds."""
    scaled = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"]["maxReplicas"]
        for one in manifests.kind("HorizontalPodAutoscaler")
    }
    most = scaled.get(workload.name) or workload.spec.get("replicas", 1)
    strategy = workload.spec.get("strategy", {})
    if strategy.get("type") == "Recreate":
        return most
    surge = strategy.get("rollingUpdate", {}).get("maxSurge", "25%")
    share = str(surge).removesuffix("%")
    return most + (math.ceil(most * int(share) / 100) if share != str(surge) else int(surge))


def wanted(manifests):
    """Return what each Deployment may come to."""
    return {
        one.name: most_pods(manifests, one)
        * of_pod(one.name, environment(manifests, one), one.pod["containers"][0].get("command"))
        for one in manifests.workloads()
        if one.kind == "Deployment"
    }


def max_connections(manifests):
    for cluster in manifests.kind("Cluster"):
        return int(cluster["spec"]["postgresql"]["parameters"]["max_connections"])
    [config] = [
        one["data"]["postgresql.conf"]
        for one in manifests.kind("ConfigMap")
        if "postgresql.conf" in one.get("data", {})
    ]
    return int(re.search(r"^max_connections = (\d+)$", config, re.MULTILINE)[1])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_pods_of_an_overlay_fit_into_its_database(overlay):
    manifests = Manifests.of(overlay)
    found = wanted(manifests)
    assert {"crm-web", "crm-consumer", "crm-worker", "crm-beat"} <= found.keys()
    limit = may_have(max_connections(manifests))
    assert sum(found.values()) <= limit, f"{found} is more than {limit}: raise max_connections."


@pytest.mark.parametrize("name", ["crm-web", "crm-consumer", "crm-worker"])
def test_an_autoscaler_that_goes_too_far_is_caught(name):
    manifests = Manifests.of("prod")
    before = wanted(manifests)
    manifests.get("HorizontalPodAutoscaler", name)["spec"]["maxReplicas"] *= 3
    after = wanted(manifests)
    assert after[name] > 2.5 * before[name]
    assert sum(after.values()) > may_have(max_connections(manifests))


def test_without_the_pool_of_each_web_process_they_would_not_fit():
    manifests = Manifests.of("prod")
    manifests.workload("crm-web").pod["containers"][0]["env"] = []
    assert sum(wanted(manifests).values()) > may_have(max_connections(manifests))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_kept_from_the_application_is_enough_for_all_others(overlay):
    """The superuser's three seats are the operator's."""
    others = sum(role.connections for role in roles.ROLES if role.connections > 0)
    for cluster in Manifests.of(overlay).kind("Cluster"):
        others += sum(role["connectionLimit"] for role in cluster["spec"]["managed"]["roles"])
    assert others <= -APPLICATION.connections


def said(environment):
    """Leave out what is only handed on from ``.env``."""
    return {name: value for name, value in environment.items() if value is not None}


@pytest.mark.parametrize("file", ["compose.yaml", "compose.ha.yaml"])
def test_one_machine_has_room_too(file):
    services = compose()["services"]
    assert "max_connections" not in text_of(file)
    found = {
        name: of_pod(name, said(services[name]["environment"]), services[name].get("command"))
        for name in ("web", "consumer", "worker", "beat")
    }
    assert sum(found.values()) <= may_have(DEFAULT), found
