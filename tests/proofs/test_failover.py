"""Three servers under Patroni: what a failover costs callers of the API, and that it loses nothing.

The asynchronous setting is the guard: if it lost nothing either, these tests would look away.
"""

from dataclasses import asdict

import pytest

from tests.proofs import figures, patroni
from tests.proofs.failover import Experiment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.slow_proof,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(patroni.why_not()), reason=patroni.why_not()),
]


@pytest.fixture
def experiment(folder, token, postgres, valkey):
    """``experiment(synchronous=True).run(...)``; everything is gone afterwards."""
    made = []

    def start(*, synchronous):
        source = postgres(folder / "source")
        made.append(Experiment(folder, source.copy_to, valkey, token, synchronous=synchronous))
        return made[-1]

    yield start
    for each in made:
        each.destroy()


@pytest.mark.parametrize("synchronous", [True, False], ids=["synchronous", "asynchronous"])
@pytest.mark.parametrize(
    ("name", "strike", "heal"),
    [
        ("PostgreSQL of the primary killed", lambda node: node.kill_server(), None),
        ("whole primary node killed", lambda node: node.kill(), None),
        ("agent of the primary frozen", lambda node: node.freeze_agent(),
         lambda node: node.thaw_agent()),
        ("primary cut off from the others", lambda node: node.cut_off(),
         lambda node: node.join_again()),
    ],
    ids=["server", "node", "frozen", "cut"],
)  # fmt: skip
def test_acknowledged_writes_survive(experiment, name, strike, heal, synchronous):
    outcome = experiment(synchronous=synchronous).run(name, strike, heal)

    figures.note(**asdict(outcome))
    if synchronous:
        assert outcome.lost == 0
    elif heal is not None:
        # Two primaries side by side: what the old one acknowledged meanwhile is gone.
        assert outcome.lost > 0
