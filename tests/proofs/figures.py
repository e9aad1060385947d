"""What the proofs measured, one line of JSON each, for docs/proofs.md."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from crm_project.embedded.layout import PROJECT_ROOT

FILE = PROJECT_ROOT / ".crm" / "proofs.jsonl"


def note(**figures):
    """Keep and show the figures of the test that is running."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").split("::")[-1].rpartition(" (")[0]
    line = {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "test": test, **figures}
    FILE.parent.mkdir(exist_ok=True)
    with Path(FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    sys.stdout.write(f"\n{json.dumps(line, indent=2)}\n")


def of(promises, ledger):
    """Return the figures of a run that kept its promises."""
    return {
        "sent": len(promises.sent),
        "accepted": len(promises.accepted),
        "kept aside": len(promises.kept_aside),
        "requests without success": promises.failures,
        **{name: ledger.counts[name] for name in ("signals", "receipts", "raw duplicate")},
    }
