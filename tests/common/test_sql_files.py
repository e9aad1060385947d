"""Applied SQL is never edited: every file is listed in its folder's SHA256SUMS, unchanged."""

import hashlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(
    path
    for path in [*ROOT.glob("*/sql"), *ROOT.glob("crm_project/*/sql")]
    if any(path.iterdir())  # git keeps no empty folder; one that was left behind holds nothing
)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.parent.name)
def test_applied_sql_is_never_edited(folder):
    recorded = dict(
        reversed(line.split(maxsplit=1))
        for line in (folder / "SHA256SUMS").read_text().splitlines()
    )
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.sql")
    }
    assert found == recorded


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.parent.name)
def test_every_file_has_a_way_back(folder):
    names = {path.name for path in folder.rglob("*.sql")}
    forward = {name for name in names if not name.endswith(".down.sql")}
    assert {name.replace(".sql", ".down.sql") for name in forward} == names - forward
