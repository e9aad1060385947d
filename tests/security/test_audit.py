"""The audit of packages and secrets sees what it is there to see."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Put together here, so that nobody's scan finds it in this file.
PLANTED = "aws_key = '" + "AKIA" + "IOSFODNN7EXAMPLZ" + "'\n"


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_finding_is_told_apart_from_what_could_not_be_asked(audit):
    report = {
        "dependencies": [
            {"name": "good", "version": "1", "vulns": []},
            {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]},
            {"name": "late", "version": "3", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]},
            {"name": "unknown", "skip_reason": "not on the index"},
        ]
    }

    found, asked, skipped = audit.audited(json.dumps(report))

    assert found == ["bad 2: PYSEC-1 (2.1)", "late 3: PYSEC-2 (no repair yet)"]
    assert (asked, skipped) == (3, 1)


@pytest.mark.parametrize(("wanted", "code"), [("", True), ("required", False)])
def test_without_an_answer_only_a_building_machine_fails(audit, monkeypatch, wanted, code):
    monkeypatch.setenv("CRM_AUDIT", wanted)
    nothing = subprocess.CompletedProcess([], 1, stdout="", stderr="no network")
    monkeypatch.setattr(audit.subprocess, "run", lambda *args, **kwargs: nothing)

    assert audit.packages() is code


def test_a_planted_secret_is_found_and_a_clean_file_is_not(tmp_path):
    hook = Path(sys.executable).parent / "detect-secrets-hook"
    for text, code in ((PLANTED, 1), ("nothing = 1\n", 0)):
        file = tmp_path / "settings.py"
        file.write_text(text)
        command = [hook, "--baseline", ROOT / ".secrets.baseline", file]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == code
