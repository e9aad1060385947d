"""Kill anything at any moment: every accepted event is stored exactly once, and nothing else."""

import itertools

import pytest

from tests.proofs import figures, ledger
from tests.proofs.sender import Sender

PARTS = ("consumer", "valkey", "web", "postgres")


def send_while_killing(system, token, *, events, blows, **options):
    """Send ``events`` or more; each time another share was accepted, kill the next part.

    Returns what was promised, and by part the longest time in seconds without a success.
    """
    sender = Sender(system.port, token, **options).start()
    gaps = dict.fromkeys(PARTS, 0.0)
    share = events // (blows + 1)
    try:
        sender.wait_for(share)
        for part in itertools.islice(itertools.cycle(PARTS), blows):
            sender.take_gap()
            getattr(system, f"kill_{part}")()
            sender.wait_for(sender.progress() + share)
            gaps[part] = max(gaps[part], sender.take_gap())
        sender.wait_for(events)
        return sender.finish(), gaps
    finally:
        sender.stop()


def assert_all_is_well(system, promises):
    """Nothing waits, nothing is lost, nothing is there twice, and all can stop in peace."""
    try:
        system.wait_until_drained()
        found = ledger.assert_kept(promises, system.postgres)
    except AssertionError as error:
        message = f"{error}\n{system.logs()}"
        raise AssertionError(message) from error
    counters = system.counters()
    assert counters["accepted"] == counters["done"]
    assert counters["bytes"] == 0
    assert set(system.stop()) == {0}
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_part_is_killed_once_and_nothing_accepted_is_lost(crm, token):
    system = crm()

    promises, _ = send_while_killing(system, token, events=6_000, blows=4)

    assert_all_is_well(system, promises)
    assert promises.failures  # the blows were felt


@pytest.mark.slow
@pytest.mark.slow_proof
@pytest.mark.timeout(1_200)
def test_a_hundred_thousand_events_survive_many_deaths(crm, token):
    system = crm(consumers=2)

    promises, gaps = send_while_killing(system, token, events=100_000, blows=24, callers=12)

    found = assert_all_is_well(system, promises)
    assert promises.failures
    figures.note(kills=24, **figures.of(promises, found), longest_gap_seconds=gaps)
