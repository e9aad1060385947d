"""What the outcomes teach: lifts drawn towards what is known of more customers, then multipliers.

Nothing here changes anything: the multipliers go into a proposed configuration, and a person
decides. A cell is a scenario in a segment; a small cell says little, so its lift is drawn to its
scenario's, and that to the lift of all (empirical Bayes, method of moments).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

KAPPA = 0.25
FLOOR, CEILING = 0.8, 1.25
SMALLEST_MEAN = 0.005
TREATED_NEEDED, CONTROLS_NEEDED = 200, 50
PRIOR_YES, PRIOR_NO = 1, 20


@dataclass(frozen=True, slots=True)
class Cell:
    """Customers of one scenario in one segment ('' where the segment is not known) who were drawn
    together: in one campaign, with one share of control."""

    scenario: str
    segment: str
    treated: int
    treated_buyers: int
    controls: int
    control_buyers: int

    @property
    def lift(self) -> float:
        """Treated less control share of buyers."""
        return self.treated_buyers / self.treated - self.control_buyers / self.controls

    @property
    def variance(self) -> float:
        """Variance of the lift; half a buyer is added on each side, so that it is never 0."""
        return _variance(self.treated_buyers, self.treated) + _variance(
            self.control_buyers, self.controls
        )


def _variance(hits: int, of: int) -> float:
    share = (hits + 0.5) / (of + 1)
    return share * (1 - share) / of


@dataclass(frozen=True, slots=True)
class Estimate:
    """A lift and its variance."""

    lift: float
    variance: float


@dataclass(frozen=True, slots=True)
class Group:
    """All customers of one scenario in one segment, of all campaigns, and their lift."""

    scenario: str
    segment: str
    treated: int
    controls: int
    seen: Estimate

    @property
    def large(self) -> bool:
        """Whether there are customers enough to propose anything for this group alone."""
        return self.treated >= TREATED_NEEDED and self.controls >= CONTROLS_NEEDED


def together(cells: Sequence[Cell]) -> Group:
    """Return the cells of one scenario and segment as one, as the reports do.

    The lift is taken within each cell and then weighted by the treated: customers of campaigns
    with unlike shares and unlike shares of buyers, added up, would make an effect out of nothing.

    >>> strong, weak = Cell("REBUY", "", 900, 450, 100, 50), Cell("REBUY", "", 500, 50, 500, 50)
    >>> together([strong, weak]).seen.lift
    0.0
    """
    treated = sum(cell.treated for cell in cells)
    weights = [cell.treated / treated for cell in cells]
    seen = Estimate(
        sum(weight * cell.lift for weight, cell in zip(weights, cells, strict=True)),
        sum(weight**2 * cell.variance for weight, cell in zip(weights, cells, strict=True)),
    )
    controls = sum(cell.controls for cell in cells)
    return Group(cells[0].scenario, cells[0].segment, treated, controls, seen)


def pooled(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean of estimates, weighted by how sure each is.

    >>> pooled([Estimate(0.02, 1.0), Estimate(0.04, 1.0)])
    Estimate(lift=0.03, variance=0.5)
    """
    weights = [1 / one.variance for one in estimates]
    total = sum(weights)
    lift = sum(weight * one.lift for weight, one in zip(weights, estimates, strict=True)) / total
    return Estimate(lift, 1 / total)


def spread(estimates: Sequence[Estimate]) -> float:
    """Return τ², how much the true lifts differ: DerSimonian and Laird's moments, not below 0.

    >>> spread([Estimate(0.02, 0.01), Estimate(0.02, 0.01)])
    0.0
    >>> round(spread([Estimate(0.0, 0.01), Estimate(1.0, 0.01)]), 6)
    0.49
    """
    if len(estimates) < 2:
        return 0.0
    mean = pooled(estimates).lift
    weights = [1 / one.variance for one in estimates]
    q = sum(w * (one.lift - mean) ** 2 for w, one in zip(weights, estimates, strict=True))
    scale = sum(weights) - sum(weight * weight for weight in weights) / sum(weights)
    return max(0.0, (q - (len(estimates) - 1)) / scale)


def shrunk(own: Estimate, towards: float, tau2: float) -> float:
    """Return (δ/v + δ₀/τ²) / (1/v + 1/τ²): the lift drawn towards another.

    >>> shrunk(Estimate(0.10, 0.01), towards=0.0, tau2=0.01)
    0.05
    >>> shrunk(Estimate(0.10, 0.01), towards=0.0, tau2=0.0)
    0.0
    """
    if tau2 <= 0:
        return towards
    return (own.lift / own.variance + towards / tau2) / (1 / own.variance + 1 / tau2)


def multiplier(base: float, lift: float, mean: float) -> float:
    """Return base · clip(1 + κ·(δ* - mean)/max(|mean|, .005), .8, 1.25), to four decimals.

    >>> multiplier(1.2, lift=0.03, mean=0.03)
    1.2
    >>> multiplier(1.0, lift=0.06, mean=0.03)
    1.25
    >>> multiplier(1.0, lift=-0.5, mean=0.03)
    0.8
    """
    factor = 1 + KAPPA * (lift - mean) / max(abs(mean), SMALLEST_MEAN)
    return round(base * min(max(factor, FLOOR), CEILING), 4)


@dataclass(frozen=True, slots=True)
class Learned:
    """A scenario, or one of its segments: what was seen, what is believed, what is proposed.

    ``multiplier`` is None where there are too few customers; ``reason`` says so.
    """

    scenario: str
    segment: str | None
    treated: int
    controls: int
    lift: float
    shrunk: float
    base: float
    multiplier: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Learning:
    """Everything that was learned. Empty ``scenarios``: no cell has both arms."""

    mean: float = 0.0
    tau2_scenarios: float = 0.0
    tau2_cells: float = 0.0
    scenarios: tuple[Learned, ...] = ()
    cells: tuple[Learned, ...] = ()
    reasons: tuple[str, ...] = field(default=())

    @property
    def proposes(self) -> bool:
        """Whether any multiplier would change."""
        return any(
            one.multiplier is not None and one.multiplier != one.base
            for one in (*self.scenarios, *self.cells)
        )


def learn(cells: Sequence[Cell], *, base: Mapping[str, float]) -> Learning:
    """Return what the cells teach.

    Args:
        cells: one for each scenario, segment, campaign and share; those with an empty arm are
            left out.
        base: multiplier of each scenario today; 1 where none is given.
    """
    by_key: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if cell.treated and cell.controls:
            by_key.setdefault((cell.scenario, cell.segment), []).append(cell)
    if not by_key:
        return Learning(reasons=("No scenario has customers in both arms yet.",))
    by_scenario: dict[str, list[Group]] = {}
    for key in sorted(by_key):
        by_scenario.setdefault(key[0], []).append(together(by_key[key]))
    seen = {name: pooled([one.seen for one in group]) for name, group in by_scenario.items()}
    overall = pooled(list(seen.values())).lift
    tau2 = spread(list(seen.values()))
    believed = {name: shrunk(one, overall, tau2) for name, one in seen.items()}
    inner = _spread_within(by_scenario, seen)
    return Learning(
        mean=overall,
        tau2_scenarios=tau2,
        tau2_cells=inner,
        scenarios=tuple(
            _scenario(name, group, seen[name].lift, believed[name], overall, base)
            for name, group in by_scenario.items()
        ),
        cells=tuple(
            _cell(one, shrunk(one.seen, believed[name], inner), overall, base)
            for name, group in by_scenario.items()
            for one in group
        ),
    )


def _spread_within(groups: Mapping[str, Sequence[Group]], seen: Mapping[str, Estimate]) -> float:
    """Return τ² of the cells around their scenarios: the moments of all scenarios together."""
    q = degrees = scale = 0.0
    for name, group in groups.items():
        weights = [1 / one.seen.variance for one in group]
        gaps = [one.seen.lift - seen[name].lift for one in group]
        q += sum(w * gap * gap for w, gap in zip(weights, gaps, strict=True))
        degrees += len(group) - 1
        scale += sum(weights) - sum(w * w for w in weights) / sum(weights)
    return max(0.0, (q - degrees) / scale) if scale > 0 else 0.0


def _scenario(
    name: str,
    group: Sequence[Group],
    lift: float,
    believed: float,
    mean: float,
    base: Mapping[str, float],
) -> Learned:
    treated = sum(one.treated for one in group)
    controls = sum(one.controls for one in group)
    large = treated >= TREATED_NEEDED and controls >= CONTROLS_NEEDED
    now = base.get(name, 1.0)
    return Learned(
        name, None, treated, controls, lift, believed, now,
        multiplier(now, believed, mean) if large else None,
        "" if large else _too_few(treated, controls),
    )  # fmt: skip


def _cell(one: Group, believed: float, mean: float, base: Mapping[str, float]) -> Learned:
    now = base.get(one.scenario, 1.0)
    return Learned(
        one.scenario, one.segment, one.treated, one.controls, one.seen.lift, believed, now,
        multiplier(now, believed, mean) if one.large else None,
        "" if one.large else _too_few(one.treated, one.controls),
    )  # fmt: skip


def _too_few(treated: int, controls: int) -> str:
    return (
        f"{treated:,} treated and {controls:,} controls; "
        f"a proposal needs {TREATED_NEEDED} and {CONTROLS_NEEDED}."
    )


def acceptance(accepted: int, offered: int) -> float:
    """Return the mean of Beta(1 + k, 20 + n - k): how often a product is taken when offered.

    A product that was never offered gets 1 in 21, so that new ones are not at the end for ever.

    >>> round(acceptance(0, 0), 4), round(acceptance(30, 100), 4)
    (0.0476, 0.2562)
    """
    return (PRIOR_YES + accepted) / (PRIOR_YES + PRIOR_NO + offered)
