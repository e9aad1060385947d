"""Back to a moment: base backups and the log in a bucket, by barman-cloud (docs/point-in-time.md).

The tests are the runbook of that page, step by step.
"""

import json
import os
import threading
import time

import psycopg
import pytest

from crm_project.backup import contents
from crm_project.common.selectors.backups import ARCHIVER, seen_archive
from tests.backup.shop import CONTENTS
from tests.proofs import barman
from tests.proofs.figures import note
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow_proof,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(barman.BARMAN.why_not()), reason=barman.BARMAN.why_not()),
]

VECTORS = """
create table tastes (id int primary key, v vector(64));
insert into tastes
    select n, array(select sin(n * 7 + d) from generate_series(1, 64) as d)::vector
    from generate_series(1, 3000) as n;
create index on tastes using hnsw (v vector_cosine_ops);
"""
ARCHIVED = "select last_archived_wal from pg_stat_archiver"


class Shop:
    """A server with the migrated CRM and a shop with vectors; its log goes into the archive."""

    def __init__(self, postgres, folder, archive, *, home=None, **settings):
        self.archive = archive
        self.data = folder / "first"
        self.server = postgres(
            self.data, environment=archive.environment, **archive.settings(**settings)
        )
        self.server.copy_to(self.data, home)
        if home:
            self.server.database = "crm"
        self.server.start()

    def fill(self):
        with self.server.connect() as session:
            session.execute("create database shop")
        with self.at_shop() as session:
            session.execute(CONTENTS)
            session.execute(VECTORS)

    def at_shop(self, server=None):
        return (server or self.server).connect(dbname="shop")

    def back_up(self):
        """Make a base backup; return its name in the archive."""
        self.archive.run(
            *("backup", "--host=127.0.0.1", f"--port={self.server.port}", "--user=crm"),
            *("--dbname=postgres", "--immediate-checkpoint"),
        )
        listed = self.archive.run("backup-list", "--format=json")
        return sorted(b["backup_id"] for b in json.loads(listed)["backups_list"])[-1]

    def finish_log(self):
        """Have all that was committed archived; else a moment near the end is never reached."""
        with self.server.connect() as session:
            query = "select pg_walfile_name(pg_switch_wal())"
            (last,) = session.execute(query).fetchone()
            wait_until(lambda: (session.execute(ARCHIVED).fetchone()[0] or "") >= last, seconds=120)

    def everything(self, server=None):
        """Return rows and checksums of every table, vectors included, of both databases."""
        with (server or self.server).connect() as crm, self.at_shop(server) as shop:
            return contents.measure(crm).tables, contents.measure(shop).tables

    def lose(self):
        """The machine is gone with its disk."""
        self.server.program.kill()
        barman.remove(self.data)


@pytest.fixture
def archive(service):
    return barman.Archive(service)


def ready(server):
    """Wait until a restored server has followed the log to its target and takes writes."""

    def writes():
        with server.connect() as session:
            return not session.execute("select pg_is_in_recovery()").fetchone()[0]

    wait_until(writes, seconds=300)
    return server


def now(session):
    return session.execute("select clock_timestamp()").fetchone()[0]


def test_a_dropped_table_is_there_again_as_it_was_a_moment_before(postgres, folder, archive):
    home = os.environ.get("CRM_PROOF_HOME")
    shop = Shop(postgres, folder, archive, home=home)
    shop.fill()
    began = time.monotonic()
    base = shop.back_up()
    backed_up = time.monotonic()
    with shop.at_shop() as session:
        session.execute("delete from gone where id < 9")
        session.execute("update tastes set v = v + v where id % 2 = 0")
        session.execute(
            "insert into customers (name) select 'late ' || n from generate_series(1, 500) n"
        )
    before = shop.everything()

    with shop.at_shop() as session:
        moment = now(session)
        session.execute("drop table customers cascade")
        session.execute("delete from tastes")
    shop.finish_log()
    shop.lose()

    fetching = time.monotonic()
    again = archive.restore(base, folder / "again", until=moment)
    fetched = time.monotonic()
    server = postgres(again, environment=archive.environment)
    server.database = shop.server.database
    ready(server.start())
    restored = time.monotonic()

    assert shop.everything(server) == before
    with shop.at_shop(server) as session:
        nearest = "select id from tastes order by v <=> (select v from tastes where id = 8) limit 1"
        assert session.execute(nearest).fetchone() == (8,)
    tables = [*before[0].values(), *before[1].values()]
    note(
        rows=sum(table.rows for table in tables),
        tables=len(tables),
        base_backup_seconds=round(backed_up - began, 1),
        fetch_seconds=round(fetched - fetching, 1),
        recovery_seconds=round(restored - fetched, 1),
    )


class Writer(threading.Thread):
    """Writes numbers, one a transaction, and remembers when each was acknowledged."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.acknowledged = {}
        self.ended = threading.Event()

    def run(self):
        with self.server.connect(dbname="shop") as session:
            number = 0
            while not self.ended.wait(0.02):
                number += 1
                try:
                    session.execute("insert into written values (%s)", [number])
                except psycopg.OperationalError:
                    return
                self.acknowledged[number] = time.monotonic()


def test_with_the_whole_machine_at_most_the_last_minute_is_lost(postgres, folder, archive):
    shop = Shop(postgres, folder, archive, archive_timeout=60)
    shop.fill()
    with shop.at_shop() as session:
        session.execute("create table written (n int primary key)")
    base = shop.back_up()
    writer = Writer(shop.server)
    writer.start()
    try:
        # Longer than two pieces of the log; the loss is counted from the very end.
        wait_until(lambda: spread(writer.acknowledged) > 150, seconds=600)
    finally:
        lost_at = time.monotonic()
        shop.lose()
        writer.ended.set()
        writer.join()

    server = postgres(archive.restore(base, folder / "again"), environment=archive.environment)
    ready(server.start())

    with shop.at_shop(server) as session:
        kept = [n for (n,) in session.execute("select n from written order by n")]
    assert kept == list(range(1, len(kept) + 1)), "there is a hole"
    lost = [n for n in writer.acknowledged if n > len(kept)]
    assert lost, "nothing was lost, so the test could not have seen a loss"
    seconds = lost_at - writer.acknowledged[lost[0]]
    note(acknowledged=len(writer.acknowledged), lost=len(lost), seconds_lost=round(seconds, 1))
    # A minute, and what finishing and sending the last piece takes on a busy machine.
    assert seconds < 60 + 30


def spread(moments):
    return max(moments.values()) - min(moments.values()) if moments else 0


def says_of_archive(session):
    return seen_archive(*session.execute(ARCHIVER).fetchone())


def test_an_archive_that_is_away_is_said_and_made_up_for(postgres, folder, archive, service):
    shop = Shop(postgres, folder, archive)
    shop.fill()
    base = shop.back_up()
    service.program.kill()
    with shop.at_shop() as session:
        session.execute("insert into customers (name) values ('while it was away')")
        session.execute("select pg_switch_wal()")
        wait_until(lambda: says_of_archive(session).failing, seconds=180)
    service.start()
    shop.finish_log()
    with shop.at_shop() as session:
        assert not says_of_archive(session).failing
    before = shop.everything()
    shop.lose()
    server = postgres(archive.restore(base, folder / "again"), environment=archive.environment)
    assert shop.everything(ready(server.start())) == before


def test_retention_keeps_what_the_newest_base_backup_needs(postgres, folder, archive):
    shop = Shop(postgres, folder, archive)
    shop.fill()
    first = shop.back_up()
    shop.finish_log()
    second = shop.back_up()
    archive.run("backup-delete", "--retention-policy=REDUNDANCY 1")
    listed = archive.run("backup-list", "--format=json")
    assert first not in listed
    assert second in listed
    with shop.at_shop() as session:
        session.execute("insert into customers (name) values ('after it')")
    shop.finish_log()
    before = shop.everything()
    shop.lose()
    server = postgres(archive.restore(second, folder / "again"), environment=archive.environment)
    assert shop.everything(ready(server.start())) == before
