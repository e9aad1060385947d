"""What the two servers keep when the power goes: all that they acknowledged, and no less.

Each proof has its guard: the same run with the weak setting must lose something, or the test
could not have seen a loss.
"""

import threading

import psycopg
import pytest
from redis import RedisError

from tests.proofs import figures
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WRITERS = 4
ENOUGH = 2_000
ATTEMPTS = 10


class Writers:
    """Threads that write numbers until the server is gone, and remember what was acknowledged.

    ``write(number)`` returns when the number was acknowledged.
    """

    def __init__(self, make_write):
        self.acknowledged = [[] for _ in range(WRITERS)]
        self.threads = [
            threading.Thread(target=self._run, args=(make_write, first), daemon=True)
            for first in range(WRITERS)
        ]

    def _run(self, make_write, number):
        done = self.acknowledged[number]
        try:
            write = make_write()
            while True:
                write(number)
                done.append(number)
                number += WRITERS
        except (psycopg.Error, RedisError):
            return  # the power is gone

    def total(self):
        return sum(map(len, self.acknowledged))

    def run_until(self, cut):
        """Write, ``cut()`` in the middle of it, and return all that was acknowledged."""
        for thread in self.threads:
            thread.start()
        wait_until(lambda: self.total() >= ENOUGH, seconds=120)
        cut()
        for thread in self.threads:
            thread.join(timeout=60)
            assert not thread.is_alive()
        return set().union(*self.acknowledged)


def cut_power(disk, server):
    """Everything stops at one moment; then the disk forgets, and there is power again."""
    server.program.pause()
    disk.cut_power()
    server.program.kill()
    disk.turn_off()
    disk.turn_on()


def kept_by_valkey(server):
    """Start it again; returns what it kept.

    Nothing, where a disk that lies has lost the beginning of its log: then it does not start.
    """
    try:
        server.start()
    except AssertionError:
        if "FATAL AOF MANIFEST" not in server.program.tail():
            raise
        return set()
    with server.connect() as client:
        return {int(fields[b"n"]) for _, fields in client.xrange("ids")}


def lost_by_valkey(disk, valkey, appendfsync):
    server = valkey(disk.mount, appendfsync=appendfsync).start()

    def make_write():
        client = server.connect(retry=None)
        return lambda number: client.xadd("ids", {"n": number})

    acknowledged = Writers(make_write).run_until(lambda: cut_power(disk, server))

    kept = kept_by_valkey(server)
    assert len(acknowledged) >= ENOUGH
    figures.note(acknowledged=len(acknowledged), lost=len(acknowledged - kept))
    return acknowledged - kept


def lost_by_postgres(disk, postgres, *, weak):
    data = disk.mount / "data"
    server = postgres(data, weak=weak)
    server.copy_to(disk.platter / "data")
    server.start()
    with server.connect() as connection:
        connection.execute("set synchronous_commit = on")
        connection.execute("create table public.kept_ids (n bigint primary key)")

    def make_write():
        connection = server.connect()
        return lambda number: connection.execute("insert into kept_ids values (%s)", [number])

    acknowledged = Writers(make_write).run_until(lambda: cut_power(disk, server))

    server.start()
    with server.connect() as connection:
        kept = {n for (n,) in connection.execute("select n from kept_ids")}
    assert len(acknowledged) >= ENOUGH
    figures.note(acknowledged=len(acknowledged), lost=len(acknowledged - kept))
    return acknowledged - kept


class TestValkey:
    @pytest.mark.parametrize("early", [0, 0.3], ids=["nothing written early", "some written early"])
    def test_always_loses_nothing(self, disk, valkey, early):
        assert lost_by_valkey(disk(early=early), valkey, "always") == set()

    def test_everysec_loses_some(self, disk, valkey):
        assert any(lost_by_valkey(disk(), valkey, "everysec") for _ in range(ATTEMPTS))

    def test_a_disk_that_syncs_later_than_it_says_loses_some(self, disk, valkey):
        assert any(lost_by_valkey(disk(cached=0.2), valkey, "always") for _ in range(ATTEMPTS))


class TestPostgres:
    @pytest.mark.parametrize("early", [0, 0.3], ids=["nothing written early", "some written early"])
    def test_synchronous_commit_loses_nothing(self, disk, postgres, early):
        assert lost_by_postgres(disk(early=early), postgres, weak=False) == set()

    def test_asynchronous_commit_loses_some(self, disk, postgres):
        assert any(lost_by_postgres(disk(), postgres, weak=True) for _ in range(ATTEMPTS))
