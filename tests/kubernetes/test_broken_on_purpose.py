"""A rule that nothing breaks may be asleep: each mistake in mistakes_*.py is seen by its rule."""

import copy
from pathlib import Path

import pytest
import yaml

from tests.kubernetes import (
    mistakes_database,
    mistakes_doors,
    mistakes_jobs,
    mistakes_network,
    mistakes_pods,
    mistakes_references,
    mistakes_scaling,
    mistakes_secrets,
    mistakes_tls,
)
from tests.kubernetes.manifests import OVERLAYS, ROOT, Manifests
from tests.kubernetes.test_manifests import NAMES

MISTAKES = (
    mistakes_pods,
    mistakes_network,
    mistakes_scaling,
    mistakes_secrets,
    mistakes_jobs,
    mistakes_database,
    mistakes_references,
    mistakes_doors,
    mistakes_tls,
)
CASES = [
    (overlay, name, *case)
    for made in MISTAKES
    for overlay, cases in (("dev", made.DEV), ("prod", made.PROD))
    for name, case in cases.items()
]


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


def test_the_manual_counts_them():
    text = (ROOT / "k8s" / "README.md").read_text("utf-8")
    objects = [str(len(Manifests.of(overlay).docs)) for overlay in OVERLAYS]

    assert f"{len(NAMES)} rules over {', '.join(objects[:2])} and {objects[2]} objects" in text
    assert f"{len(CASES)} mistakes, all seen" in text


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
