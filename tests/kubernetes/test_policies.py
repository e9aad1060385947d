"""A general scanner agrees with the manifests, except where we know better and say why."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.kubernetes.manifests import OVERLAYS, RENDERED, ROOT

CHECKOV = ROOT / ".venv" / "policies" / "bin" / "checkov"
MISTAKES = Path(__file__).parent / "usual_mistakes.yaml"
pytestmark = pytest.mark.skipif(
    not CHECKOV.exists(), reason="There is no checkov (make policies installs it)."
)

# Which check is not kept, by what (overlay and object), and why that is right.
ACCEPTED = {
    r"CKV_K8S_11 .*": (
        "No limit of CPU: whoever is throttled in a transaction holds its locks longer. "
        "Requests divide the processors among those who want them."
    ),
    r"CKV_K8S_9 .* Deployment\.crm-rfm\.crm-(beat|consumer|worker)": (
        "They serve nobody, so nobody asks whether they are ready; their life is asked for."
    ),
    r"CKV_K8S_40 .* StatefulSet\.crm-rfm\.(postgres|valkey)": (
        "The users of these images have numbers of their own, and their files belong to them."
    ),
    r"CKV_K8S_(15|43) dev .*\.crm-rfm\.crm-\w+(-drill)?": (
        "On one machine the image is built on the spot, and there is no registry to ask."
    ),
}


@pytest.fixture(scope="module")
def found():
    """Run it once over everything: which checks fail, as "check overlay object"."""
    files = [*(RENDERED / f"{overlay}.yaml" for overlay in OVERLAYS), MISTAKES, ROOT / "Dockerfile"]
    command = [CHECKOV, "--skip-download", "--compact", "--quiet", "--output", "json"]
    command += ["--framework", "kubernetes", "dockerfile", "--file", *files]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=110, cwd=ROOT
    )
    reports = json.loads(done.stdout)
    assert sum(report["summary"]["parsing_errors"] for report in reports) == 0
    assert sum(report["summary"]["passed"] for report in reports) > 2_000
    return {
        f"{one['check_id']} {Path(one['file_path']).stem} {one['resource']}"
        for report in reports
        for one in report["results"]["failed_checks"]
    }


def test_what_fails_is_accepted_with_a_reason(found):
    ours = {line for line in found if MISTAKES.stem not in line}

    assert {one for one in ours if not any(re.fullmatch(p, one) for p in ACCEPTED)} == set()


def test_nothing_is_accepted_that_does_not_happen(found):
    for pattern in ACCEPTED:
        assert any(re.fullmatch(pattern, line) for line in found), pattern


def test_manifests_of_the_usual_kind_fail(found):
    assert len({line.split()[0] for line in found if MISTAKES.stem in line}) > 10
