"""The current run at a glance."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics.models import RfmRun
from analytics.selectors.movement import Movement, movement, previous_run
from analytics.selectors.rfm import ZERO, HeatCell, current_run, heat_map, segment_summary


@dataclass(frozen=True, slots=True)
class Statistics:
    """Empty before the first run."""

    as_of: date | None = None
    run: RfmRun | None = None
    customers: int = 0
    net_total: Decimal = ZERO
    heat_map: tuple[HeatCell, ...] = ()
    movement: Movement | None = None


def statistics() -> Statistics:
    """Return counts, money, the grid and the movement since the run of an earlier day."""
    run = current_run()
    summary, grid = segment_summary(run=run), heat_map(run=run)
    if run is None or summary is None or grid is None:
        return Statistics()
    older = previous_run(run)
    return Statistics(
        as_of=run.as_of,
        run=run,
        customers=summary.customers,
        net_total=summary.net_total,
        heat_map=grid.cells,
        movement=movement(older=older, newer=run) if older else None,
    )
