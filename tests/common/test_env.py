"""Secrets from files are what people meant, however the files were written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crm_project.env import COUNTS, Env, read_file

COUNTING = """
from crm_project import wsgi
from prometheus_client import Counter
Counter("crm_tried", "Tried.").inc()
"""


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_from_a_file_has_no_line_end(tmp_path, monkeypatch, end):
    file = tmp_path / f"secret-{len(end)}"
    file.write_bytes(f" key word {end}".encode())
    # Each has a name of its own: what was read once is kept.
    name = f"CRM_TRIED_{len(end)}"
    monkeypatch.setenv(f"{name}_FILE", str(file))
    monkeypatch.setenv(name, "not this one")
    assert Env().str(name) == " key word "


@pytest.mark.parametrize("value", ["$PATH", "$$a", "a$b", r"\$a", r"a\\$", "$"])
def test_a_dollar_is_a_dollar(monkeypatch, value):
    monkeypatch.setenv("CRM_TRIED_DOLLAR", value)
    assert Env().str("CRM_TRIED_DOLLAR", default="") == value
    assert Env().list("CRM_TRIED_DOLLAR", default=[]) == [value]


def test_a_url_from_a_file_is_read_whole(tmp_path, monkeypatch):
    file = tmp_path / "url"
    file.write_text("postgres://app_user@db/crm\n", "utf-8")
    monkeypatch.setenv("CRM_TRIED_URL_FILE", str(file))
    assert Env().db_url("CRM_TRIED_URL")["NAME"] == "crm"


def test_the_folder_of_counts_is_a_web_servers_own(tmp_path, monkeypatch):
    monkeypatch.delenv(COUNTS, raising=False)
    file = tmp_path / ".env"
    file.write_text(f"{COUNTS}=/nowhere\nCRM_TRIED_OTHER=x\n", "utf-8")
    read_file(file)
    assert COUNTS not in os.environ
    assert os.environ.pop("CRM_TRIED_OTHER") == "x"

    monkeypatch.setenv(COUNTS, "/its/own")
    read_file(file)
    os.environ.pop("CRM_TRIED_OTHER")
    assert os.environ[COUNTS] == "/its/own"


def test_a_web_server_makes_the_folder_of_counts_before_it_counts(tmp_path):
    folder = tmp_path / "deep" / "counts"
    environment = {**os.environ, COUNTS: str(folder)}

    subprocess.run(
        [sys.executable, "-c", COUNTING],
        env=environment,
        cwd=Path(__file__).parents[2],
        check=True,
    )

    assert list(folder.glob("counter_*.db"))
