"""``manage.py backup drill --point-in-time``: it proves an archive that is whole, and no other."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crm_project.embedded.layout import PROJECT_ROOT as ROOT
from tests.embedded.support import clean_environment
from tests.proofs import barman
from tests.proofs.figures import note
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow_proof,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(barman.BARMAN.why_not()), reason=barman.BARMAN.why_not()),
]


class Site:
    """A migrated database whose log is archived, with a base backup; ``drill`` runs the command."""

    def __init__(self, postgres, folder, archive):
        self.archive = archive
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir(mode=0o755)
        self.server = postgres(
            folder / "data", environment=archive.environment, **archive.settings(archive_timeout=5)
        )
        home = os.environ.get("CRM_PROOF_HOME")
        self.server.copy_to(folder / "data", home)
        if home:
            self.server.database = "crm"
        # What is left of such things by hand must not make the copy send its own log.
        self.server.start()
        with self.server.connect() as session:
            session.execute(f"alter system set archive_command = '{archive_command(archive)}'")
            session.execute("select pg_reload_conf()")
        self.base()

    def base(self):
        self.archive.run(
            *("backup", "--host=127.0.0.1", f"--port={self.server.port}", "--user=crm"),
            *("--dbname=postgres", "--immediate-checkpoint"),
        )

    def programs(self):
        """Make what stands in /usr/bin elsewhere: programs, each started by its own Python."""
        made = self.folder / "bin"
        if not made.exists():
            made.mkdir(mode=0o755)
            for name in ("backup-list", "restore", "wal-restore"):
                start, program, *_ = self.archive.command(name)
                path = barman.BARMAN.place
                call = f'PYTHONPATH={path} exec {start} {program} "$@"'
                text = f"#!/bin/sh\n{call}\n"
                (made / f"barman-cloud-{name}").write_text(text)
                (made / f"barman-cloud-{name}").chmod(0o755)
        return made

    def start(self):
        environment = clean_environment(
            DJANGO_SETTINGS_MODULE="crm_project.settings",
            DATABASE_URL=self.server.url,
            CRM_BACKUP_WORK_DIR=str(self.work),
            CRM_ARCHIVE_URL=self.archive.url,
            CRM_ARCHIVE_S3_ENDPOINT=self.archive.service.options.endpoint,
            CRM_BARMAN_BIN=str(self.programs()),
            **{k: v for k, v in self.archive.environment.items() if k.startswith("AWS_")},
        )
        command = [sys.executable, "manage.py", "backup", "drill", "--point-in-time", "--json"]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def drill(self):
        """Return the facts of a drill, or what it complained of."""
        with self.start() as process:
            out, err = process.communicate(timeout=600)
        return json.loads(out) if process.returncode == 0 else err

    def on_record(self):
        with self.server.connect() as session:
            query = "select status, kind, error from common_drillrun order by id"
            return session.execute(query).fetchall()

    def pieces(self):
        client = self.archive.service.client()
        listed = client.list_objects_v2(Bucket="archive", Prefix="pitr/crm/wals/")
        return [one["Key"] for one in listed["Contents"]]


def archive_command(archive):
    return " ".join(archive.command("wal-archive", "%p"))


@pytest.fixture
def site(postgres, folder, service):
    return Site(postgres, folder, barman.Archive(service))


def test_a_whole_archive_is_proved_and_nothing_of_the_drill_stays(site):
    found = site.drill()

    assert isinstance(found, dict), found
    assert (found["status"], found["kind"], found["differences"]) == ("succeeded", "log", [])
    assert found["tables"] > 100
    assert "The newest change is of" in found["notes"][0]
    assert list(site.work.iterdir()) == []
    assert site.on_record() == [("succeeded", "log", "")]
    # The copy, a timeline further, has sent nothing.
    assert all("/00000001" in key or "/0000000100" in key for key in site.pieces()), site.pieces()
    note(
        rows=found["rows"],
        tables=found["tables"],
        archived_seconds=round(found["archived_seconds"], 1),
        fetch_seconds=round(found["fetch_seconds"], 1),
        recovery_seconds=round(found["restore_seconds"], 1),
        read_seconds=round(found["compare_seconds"], 1),
    )


def test_a_hole_in_the_log_is_found_although_everything_that_was_sent_is_well(site):
    with site.server.connect() as session:
        session.execute("create table hole (n int)")
        before = set(site.pieces())
        query = "select pg_walfile_name(pg_switch_wal())"
        (lost,) = session.execute(query).fetchone()
        wait_until(lambda: any(lost in key for key in site.pieces()), seconds=60)
    [key] = [one for one in set(site.pieces()) - before if lost in one]
    site.archive.service.client().delete_object(Bucket="archive", Key=key)

    said = site.drill()

    assert "This drill's own row is not there" in said, said
    assert site.on_record()[0][:2] == ("failed", "log")
    assert list(site.work.iterdir()) == []


def test_without_a_base_backup_or_with_a_damaged_one_it_fails_in_words(site):
    client = site.archive.service.client()
    listed = client.list_objects_v2(Bucket="archive", Prefix="pitr/crm/base/")["Contents"]
    [data] = [one["Key"] for one in listed if one["Key"].endswith("data.tar")]
    body = client.get_object(Bucket="archive", Key=data)["Body"].read()
    client.put_object(Bucket="archive", Key=data, Body=body[: len(body) // 2])
    said = site.drill()
    assert "CommandError: " in said, said

    for one in listed:
        client.delete_object(Bucket="archive", Key=one["Key"])
    assert "There is no base backup in s3://archive/pitr" in site.drill()
    assert [row[0] for row in site.on_record()] == ["failed", "failed"]
    assert list(site.work.iterdir()) == []


def test_what_a_killed_drill_left_the_next_one_ends_and_removes(site):
    with site.start() as process:
        wait_until(lambda: list(site.work.glob("*/data/postmaster.pid")), seconds=300)
        [left] = site.work.iterdir()
        server = int((left / "data" / "postmaster.pid").read_text().partition("\n")[0])
        process.send_signal(signal.SIGKILL)
    assert alive(server)

    found = site.drill()

    assert isinstance(found, dict), found
    assert not alive(server)
    assert list(site.work.iterdir()) == []
    assert [row[0] for row in site.on_record()] == ["failed", "succeeded"]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
