"""The power goes while events come in: what was accepted is there when it is back, once.

The queue's and the database's data lie on disks that forget what was not synced. The guards run
the same with one weak setting and must lose something, or these tests could not see a loss.
"""

import itertools

import pytest

from tests.proofs import figures, ledger
from tests.proofs.sender import Sender
from tests.proofs.test_chaos import assert_all_is_well
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ATTEMPTS = 3
CACHED_SECONDS = 1.0
QUEUE, DATABASE = "what waits in the queue", "what was just stored"


def send_and_cut(system, disks, token, *, events, cuts):
    """Send ``events`` or more; at times everything dies at once and the disks forget.

    ``cuts`` says what each cut is to meet: with ``QUEUE`` nobody has emptied the queue for a
    while, so that all depends on its disk; with ``DATABASE`` something was stored a moment ago.
    Returns what was promised.
    """
    sender = Sender(system.port, token, callers=4).start()
    share = events // (len(cuts) + 1)
    try:
        for meets in cuts:
            sender.wait_for(sender.progress() + share // 2)
            if meets is QUEUE:
                for consumer in system.consumers:
                    consumer.kill()
            sender.wait_for(sender.progress() + share // 2)
            if meets is DATABASE:
                stored = system.counters()["done"]
                wait_until(lambda stored=stored: system.counters()["done"] > stored)
            cut_power(system, disks)
        sender.wait_for(events)
        return sender.finish()
    finally:
        sender.stop()


def cut_power(system, disks):
    """Stop everything at one moment, let the disks forget, start everything again."""
    for program in system.programs():
        program.pause()
    for disk in disks:
        disk.cut_power()
    for program in system.programs():
        program.kill()
    for disk in disks:
        disk.turn_off()
        disk.turn_on()
    system.start()


def run(disk, crm, token, *, events, cuts, postgres=None, valkey=None, **options):
    """Run one system through its cuts; returns it and what it promised."""
    disks = disk(**(postgres or {})), disk(**(valkey or {}))
    system = crm(postgres_disk=disks[0], valkey_disk=disks[1], **options)
    promises = send_and_cut(system, disks, token, events=events, cuts=cuts)
    return system, promises


class TestPowerCut:
    @pytest.mark.parametrize("meets", [QUEUE, pytest.param(DATABASE, marks=pytest.mark.slow_proof)])
    def test_what_was_accepted_is_there_when_the_power_is_back(self, disk, crm, token, meets):
        system, promises = run(disk, crm, token, events=1_500, cuts=[meets])

        assert_all_is_well(system, promises)

    @pytest.mark.slow_proof
    def test_many_cuts_with_torn_pages_lose_nothing(self, disk, crm, token):
        early = {"early": 0.2}
        cuts = list(itertools.islice(itertools.cycle([QUEUE, DATABASE]), 10))
        system, promises = run(
            *(disk, crm, token),
            events=30_000,
            cuts=cuts,
            consumers=2,
            postgres=early,
            valkey=early,
        )

        found = assert_all_is_well(system, promises)
        system.postgres.assert_sound()
        figures.note(cuts=len(cuts), **figures.of(promises, found))


@pytest.mark.slow_proof
class TestGuards:
    """Each weak setting loses accepted events in the same run."""

    def loses_some(self, disk, crm, token, *, meets, **weak):
        for _ in range(ATTEMPTS):
            system, promises = run(disk, crm, token, events=3_000, cuts=[meets], **weak)
            system.wait_until_drained()
            lost = ledger.lost(promises, system.postgres)
            system.destroy()
            if lost:
                figures.note(accepted=len(promises.accepted), lost=len(lost))
                return len(lost)
        return 0

    def test_a_queue_whose_disk_syncs_later_than_it_says(self, disk, crm, token):
        weak = {"cached": CACHED_SECONDS}
        assert self.loses_some(disk, crm, token, meets=QUEUE, valkey=weak)

    def test_a_database_whose_disk_syncs_later_than_it_says(self, disk, crm, token):
        weak = {"cached": CACHED_SECONDS}
        assert self.loses_some(disk, crm, token, meets=DATABASE, postgres=weak)
