"""Every overlay keeps every rule, and is what the sources say."""

import hashlib
import shutil
import subprocess

import pytest

from tests.kubernetes import (
    rules_database,
    rules_doors,
    rules_jobs,
    rules_network,
    rules_pods,
    rules_references,
    rules_scaling,
    rules_secrets,
    rules_tls,
)
from tests.kubernetes.manifests import OVERLAYS, RENDERED, ROOT, Manifests

RULES = [
    *rules_pods.RULES,
    *rules_network.RULES,
    *rules_scaling.RULES,
    *rules_secrets.RULES,
    *rules_jobs.RULES,
    *rules_database.RULES,
    *rules_references.RULES,
    *rules_doors.RULES,
    *rules_tls.RULES,
]
NAMES = {rule.__name__: rule for rule in RULES}


@pytest.fixture(scope="session")
def overlays():
    return {overlay: Manifests.of(overlay) for overlay in OVERLAYS}


@pytest.mark.parametrize("rule", NAMES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_overlay_keeps_the_rule(overlays, overlay, rule):
    assert list(NAMES[rule](overlays[overlay])) == []


def test_what_is_rendered_comes_from_these_sources():
    """Else: make manifests. Without kubectl this is what tells that somebody forgot it."""
    lines = (RENDERED / "SHA256SUMS").read_text("utf-8").splitlines()
    noted = {path: digest for digest, path in (line.split("  ") for line in lines)}
    folders = [ROOT / "k8s" / name for name in ("base", "components", "monitoring", "overlays")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]

    found = {
        str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }

    assert noted == found


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="There is no kubectl to render with.")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_rendered_is_what_kubectl_makes(overlay):
    made = subprocess.run(
        ["kubectl", "kustomize", str(ROOT / "k8s" / "overlays" / overlay)],
        check=True,
        capture_output=True,
        timeout=110,
    )

    assert made.stdout == (RENDERED / f"{overlay}.yaml").read_bytes()


def test_the_names_are_those_that_people_know(overlays):
    for manifests in overlays.values():
        assert {doc["metadata"].get("namespace") for doc in manifests.docs} <= {"crm-rfm", None}
        assert {"POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"} <= manifests.secrets()[
            "postgres-secret"
        ]


def test_production_scales_as_far_as_was_asked_for(overlays):
    scaled = {
        doc["metadata"]["name"]: (doc["spec"]["minReplicas"], doc["spec"]["maxReplicas"])
        for doc in overlays["prod"].kind("HorizontalPodAutoscaler")
    }

    assert scaled == {"crm-web": (5, 20), "crm-consumer": (5, 30), "crm-worker": (3, 12)}
