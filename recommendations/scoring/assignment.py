"""Who is written to and who is held back: decided by a hash, so that nobody can choose.

The arm depends on salt, campaign and customer only, never on a score. Asked again, it is the same.
"""

from dataclasses import dataclass
from hashlib import sha256
from math import erfc, sqrt

TREATMENT, CONTROL = "treatment", "control"

SRM_LEVEL = 0.001
"""Below this chance the arms do not have the sizes that the hash would give them."""

_STEPS = 2**32


def draw(salt: str, scope: str, customer: str) -> float:
    """Return the customer's place in [0, 1): the first 32 bits of sha256(salt ‖ scope ‖ customer).

    ``scope`` is the campaign's code; for the global holdout it is the quarter.

    >>> round(draw("", "", "abc"), 6)  # sha256("abc") begins with 0xba7816bf
    0.728395
    >>> draw("", "a", "bc") == draw("", "", "abc")
    True
    """
    digest = sha256(f"{salt}{scope}{customer}".encode()).hexdigest()
    return int(digest[:8], 16) / _STEPS


def arm_of(*, salt: str, campaign: str, customer: str, share: float) -> str:
    """Return the arm: control when the draw is below ``share`` (0: nobody is held back).

    >>> arm_of(salt="s", campaign="spring", customer="C1", share=0.0)
    'treatment'
    >>> arm_of(salt="s", campaign="spring", customer="C1", share=1.0)
    'control'
    """
    return CONTROL if draw(salt, campaign, customer) < share else TREATMENT


@dataclass(frozen=True, slots=True)
class Ratio:
    """Do the arms have the sizes that the shares promise? ``p`` is the chance of such a gap.

    Attributes:
        expected: controls that the shares promise.
        controls: controls there are.
        chi2: with one degree of freedom.
    """

    expected: float
    controls: int
    chi2: float
    p: float

    @property
    def ok(self) -> bool:
        return self.p >= SRM_LEVEL


def sample_ratio(*, controls: int, strata: list[tuple[int, float]]) -> Ratio:
    """Test the sizes of the arms (χ², one degree of freedom).

    Args:
        controls: customers in the control arm.
        strata: how many customers were drawn with which share, in all.

    With one share this is Pearson's test of the two counts; with several, the variances add up.

    >>> found = sample_ratio(controls=100, strata=[(1000, 0.1)])
    >>> found.chi2, found.p, found.ok
    (0.0, 1.0, True)
    >>> sample_ratio(controls=150, strata=[(1000, 0.1)]).ok
    False
    >>> sample_ratio(controls=0, strata=[(500, 0.0)]).ok
    True
    """
    expected = sum(count * share for count, share in strata)
    variance = sum(count * share * (1 - share) for count, share in strata)
    gap = controls - expected
    if variance == 0:
        return Ratio(expected, controls, 0.0, 1.0 if abs(gap) < 0.5 else 0.0)
    chi2 = gap * gap / variance
    return Ratio(expected, controls, chi2, erfc(sqrt(chi2 / 2)))
