"""Look for known vulnerabilities in what is installed, and for secrets in what is committed.

A vulnerability that has a repair, and a secret that is not in .secrets.baseline, end it with an
error. Where the package index cannot be asked, that is said, and no error unless CRM_AUDIT is
"required" (a machine that builds releases sets it). Needs .venv (make audit).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent
# Not looked through: data, hashes, pictures; tests, whose passwords open nothing; rendered
# manifests (tests/kubernetes refuses literal secrets in them by rules of their own).
LEFT_OUT = ("demo/data/", "tests/", "k8s/rendered/", "docs/images/")
NAMED_ONLY = r"^[\s-]*(\w+: )?\{?secretName: [a-z0-9-]+(, defaultMode: 0\d+)?\}?\s*$"
ENDINGS = (".png", ".svg", ".gz", ".xz", ".csv", ".txt", ".po", "SHA256SUMS", ".secrets.baseline")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def audited(report: str) -> tuple[list[str], int, int]:
    """Return vulnerabilities in words, and how many packages were looked up and how many not."""
    found, asked, skipped = [], 0, 0
    for package in json.loads(report)["dependencies"]:
        if "skip_reason" in package:
            skipped += 1
            continue
        asked += 1
        for one in package["vulns"]:
            repair = ", ".join(one["fix_versions"]) or "no repair yet"
            found.append(f"{package['name']} {package['version']}: {one['id']} ({repair})")
    return found, asked, skipped


def packages() -> bool:
    """Ask about every package that production installs; return whether all is well."""
    done = subprocess.run(  # noqa: S603 - our own tool, fixed arguments
        [
            *(TOOLS / "pip-audit", "--disable-pip", "--require-hashes", "--progress-spinner=off"),
            *("--format", "json", "--requirement", ROOT / "requirements/prod.txt"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    try:
        found, asked, skipped = audited(done.stdout)
    except (ValueError, KeyError):
        found, asked, skipped = [], 0, -1
    for line in found:
        say(f"vulnerable: {line}")
    if not asked:
        say("packages: the index could not be asked, so nothing is known about vulnerabilities.")
        return os.environ.get("CRM_AUDIT") != "required"
    say(f"packages: {asked} looked up, {skipped} unknown to the index, {len(found)} findings.")
    return not [line for line in found if not line.endswith("(no repair yet)")]


def secrets() -> bool:
    """Look through what git holds; return whether it has nothing but what the baseline knows."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git is used here
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    files = [name for name in listed if name and not name.startswith(LEFT_OUT)]
    files = [name for name in files if not name.endswith(ENDINGS)]
    done = subprocess.run(  # noqa: S603 - our own words
        [
            *(TOOLS / "detect-secrets-hook", "--baseline", ".secrets.baseline"),
            # Manifests name Secrets; what stands after this word is never a value.
            *("--exclude-lines", NAMED_ONLY),
            *files,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    # 3: what the baseline knows has moved to another line, and the file says so now.
    clean = done.returncode in {0, 3}
    say(f"secrets: {len(files)} files looked through, {'none new' if clean else 'found:'}")
    if not clean:
        say(done.stdout + done.stderr)
    return clean


def main() -> int:
    return 0 if all([secrets(), packages()]) else 1


if __name__ == "__main__":
    sys.exit(main())
