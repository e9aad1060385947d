import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from crm_project import embedded
from crm_project.embedded import binaries, machine
from crm_project.embedded.layout import PROJECT_ROOT
from crm_project.embedded.machine import GIB, MIB, Machine
from tests.embedded.support import clean_environment


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (True, True)),
        ({"DATABASE_URL": "postgres://x"}, (False, True)),
        ({"REDIS_URL": "redis://x"}, (True, False)),
        ({"DATABASE_URL_FILE": "/run/secrets/x", "REDIS_URL": "redis://x"}, (False, False)),
        ({"DATABASE_URL": "", "REDIS_URL": ""}, (True, True)),
        ({"CRM_ENV": "production", "DATABASE_URL": "x", "REDIS_URL": "x"}, (False, False)),
    ],
)
def test_a_server_is_needed_where_no_address_is_given(environment, expected):
    assert embedded.needed(environment) == expected


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "Set DATABASE_URL and REDIS_URL"),
        ({"REDIS_URL": "redis://x"}, r"Set DATABASE_URL\."),
        ({"DATABASE_URL": "postgres://x"}, r"Set REDIS_URL\."),
    ],
)
def test_production_refuses_and_names_what_is_missing(given, missing):
    with pytest.raises(embedded.EmbeddedRefused, match=missing):
        embedded.needed({"CRM_ENV": "production", **given})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", False),
        ("help migrate", False),
        ("--version", False),
        ("migrate -h", False),
        ("collectstatic --no-input", False),
        ("check --deploy", False),
        ("check --database=default", True),
        ("migrate", True),
        ("runserver 0:8000", True),
    ],
)
def test_only_commands_that_use_the_servers_start_them(line, expected):
    assert embedded.command_needs_services(["manage.py", *line.split()]) is expected


def test_the_addresses_are_known_before_anything_exists(monkeypatch, short_folder: Path):
    monkeypatch.setenv("CRM_HOME", str(short_folder / "home"))

    config = embedded.database_config()

    assert config["HOST"] == str(short_folder / "home" / "run")
    assert (config["NAME"], config["USER"], config["PASSWORD"]) == ("crm", "crm", "")
    assert list(short_folder.iterdir()) == []


def test_status_starts_nothing(monkeypatch, short_folder: Path):
    monkeypatch.setenv("CRM_HOME", str(short_folder / "home"))

    now = embedded.status()

    assert (now.postgres, now.valkey) == ("not running", "not running")
    assert list(short_folder.iterdir()) == []


def test_missing_packages_are_explained(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(embedded.EmbeddedUnavailable, match="Set DATABASE_URL to a server"):
        binaries.postgres_programs(None)


def test_the_command_line_shows_its_version_without_servers(short_folder: Path):
    home = short_folder / "home"

    subprocess.run(
        [sys.executable, PROJECT_ROOT / "manage.py", "version"],
        env=clean_environment(CRM_HOME=str(home)),
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=30,
    )

    assert not home.exists()


def test_a_container_limit_counts_where_it_is_lower(monkeypatch, tmp_path: Path):
    limits = tmp_path / "memory.max", tmp_path / "cpu.max"
    limits[0].write_text(f"{512 * MIB}\n")
    limits[1].write_text("100000 100000\n")
    monkeypatch.setattr(machine, "_MEMORY_LIMITS", limits[:1])
    monkeypatch.setattr(machine, "_CPU_LIMIT", limits[1])

    here = Machine.here()

    assert (here.memory, here.cores) == (512 * MIB, 1)


def test_no_limit_in_the_container_means_the_whole_machine(monkeypatch, tmp_path: Path):
    limit = tmp_path / "memory.max"
    limit.write_text("max\n")
    monkeypatch.setattr(machine, "_MEMORY_LIMITS", (limit, tmp_path / "missing"))

    assert Machine.here().memory > GIB


def test_little_shared_memory_is_not_relied_upon():
    settings = machine.postgres_settings(Machine(GIB, 2, 64 * MIB))

    assert settings["dynamic_shared_memory_type"] == "sysv"
