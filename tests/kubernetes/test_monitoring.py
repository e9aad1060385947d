"""Alerts and the dashboard ask for numbers that there are, at the agreed thresholds."""

import json
import re

import pytest
import yaml
from django_prometheus.middleware import Metrics
from prometheus_client import REGISTRY, CollectorRegistry

from analytics.metrics import SignalMetrics
from crm_project.common.metrics import JobMetrics
from crm_project.common.metrics_database import DatabaseMetrics
from tests.kubernetes.manifests import ROOT, Manifests
from tests.kubernetes.rules_references import PROMETHEUS

MONITORING = ROOT / "k8s" / "monitoring"
# Counted by each web process itself, or by the platform: not among what we collect on request. The
# archive's are there where the server has one.
COUNTED_ELSEWHERE = re.compile(
    r"crm_receive_requests_total|crm_wal_archive_\w+|crm_log_drill_\w+|crm_replica_requests_total|django_http_\w+|cnpg_\w+|kube\w+|node_\w+"
)


def rules():
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["spec"]["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def panels():
    board = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def collected():
    registry = CollectorRegistry()
    registry.register(SignalMetrics())
    registry.register(JobMetrics())
    registry.register(DatabaseMetrics())
    return {sample.name for metric in registry.collect() for sample in metric.samples} | {
        metric.name for metric in registry.collect()
    }


@pytest.mark.django_db
def test_alerts_and_dashboard_ask_for_numbers_that_there_are():
    asked = [rule["expr"] for rule in rules().values()]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]
    names = {name for text in asked for name in re.findall(r"\bcrm_\w+", text)}
    names = {name for name in names if not COUNTED_ELSEWHERE.fullmatch(name)}

    assert len(names) > 15
    assert names - collected() == set()


@pytest.mark.django_db
def test_alerts_and_dashboard_ask_for_requests_as_they_are_counted():
    asked = [rule["expr"] for rule in rules().values()]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]
    names = {name for text in asked for name in re.findall(r"\bdjango_\w+", text)}
    Metrics.get_instance()
    kept = {metric.name for metric in REGISTRY.collect()}

    assert len(names) > 1
    assert {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in names} - kept == set()


@pytest.mark.django_db
def test_autoscalers_ask_for_numbers_that_prometheus_hands_on():
    adapter = yaml.safe_load((MONITORING / "prometheus-adapter.yaml").read_text("utf-8"))
    handed_on = {rule["name"]["as"]: rule["seriesQuery"] for rule in adapter["rules"]["external"]}
    asked = {
        metric["external"]["metric"]["name"]
        for doc in Manifests.of("prod").kind("HorizontalPodAutoscaler")
        for metric in doc["spec"]["metrics"]
        if metric["type"] == "External"
    }

    assert asked == set(handed_on)
    series = {re.search(r'__name__="(\w+)"', query).group(1) for query in handed_on.values()}
    assert series - collected() == set()


@pytest.mark.parametrize(
    ("alert", "limit", "minutes", "severity"),
    [
        ("RequestsFail", "> 0.05", 5, "critical"),
        ("RequestsAreSlow", "> 2", 5, "warning"),
        ("NodeIsBusy", "> 0.9", 5, "warning"),
        ("SignalsPileUp", "> 1000", 5, "warning"),
        ("JobsFail", "> 100", 0, "critical"),
        ("SignalsInQuarantine", "> 100", 0, "critical"),
    ],
)
def test_the_agreed_thresholds_hold(alert, limit, minutes, severity):
    rule = rules()[alert]

    assert rule["expr"].endswith(limit)
    assert rule.get("for", "0m") == f"{minutes}m"
    assert rule["labels"] == {"severity": severity}


def test_every_alert_says_in_words_what_is_wrong():
    for rule in rules().values():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert len(rule["annotations"]["summary"]) > 20


def test_what_is_installed_bears_the_name_that_our_label_gives():
    text = (ROOT / "k8s" / "README.md").read_text("utf-8")
    installed = re.findall(r"helm install (\S+) kube-prometheus-stack ", text)
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["spec"]["groups"]
    [seen] = re.findall(r"sort -u +# five groups: (.*)", text)

    assert installed == [PROMETHEUS]
    assert f"podmonitor.labels.release={PROMETHEUS}" in text
    assert sorted(group["name"] for group in groups) == [f"crm-{name}" for name in seen.split(", ")]


def test_the_first_install_runs_what_alerts_ask_for():
    text = (ROOT / "k8s" / "README.md").read_text("utf-8")
    installing = text[text.index("## Installing") : text.index("## Releasing")]
    cronjobs = Manifests.of("prod").kind("CronJob")
    by_the_clock = [doc for doc in cronjobs if not doc["spec"].get("suspend")]

    started = re.findall(r"create job --from=cronjob/(\S+)", installing)

    assert started == [doc["metadata"]["name"] for doc in by_the_clock]


def test_panels_do_not_lie_on_each_other():
    places = set()
    for panel in panels():
        box = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(box["x"], box["x"] + box["w"])
            for y in range(box["y"], box["y"] + box["h"])
        }
        assert box["x"] + box["w"] <= 24
        assert not cells & places
        places |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())
