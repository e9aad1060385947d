"""The power goes while events come in: what was accepted is there when it is back, once.

The queue's and the database's data lie on disks that forget what was not synced. The guards run
the same with one weak setting and must lose something, or these tests could not see a loss.
"""

import pytest

from tests.proofs.sender import Sender
from tests.proofs.test_chaos import assert_all_is_well
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CALM = 4
"""A caller's share of the work: with a cut in the middle, all of them are busy."""


def send_and_cut(system, disks, token, *, events, cuts, **options):
    """Send ``events``; ``cuts`` times everything dies at once and the disks forget."""
    sender = Sender(system.port, token, events=events, callers=CALM, **options).start()
    try:
        for number in range(cuts):
            due = events * (number + 1) // (cuts + 1)
            wait_until(lambda due=due: sender.progress() >= due, seconds=240)
            cut_power(system, disks)
        return sender.finish(seconds=240)
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


def test_a_power_cut_loses_nothing_that_was_accepted(disk, crm, token):
    disks = disk("postgres", early=0.2), disk("valkey", early=0.2)
    system = crm(postgres_disk=disks[0], valkey_disk=disks[1])

    promises = send_and_cut(system, disks, token, events=2_000, cuts=1)

    assert_all_is_well(system, promises)


@pytest.mark.slow_proof
def test_many_power_cuts_lose_nothing_that_was_accepted(disk, crm, token):
    disks = disk("postgres", early=0.2), disk("valkey", early=0.2)
    system = crm(postgres_disk=disks[0], valkey_disk=disks[1], consumers=2)

    promises = send_and_cut(system, disks, token, events=30_000, cuts=10)

    found = assert_all_is_well(system, promises)
    print(promises.answers, found.counts)  # noqa: T201
