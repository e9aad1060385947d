"""Who went where between two days: ribbons from groups on the left to groups on the right.

Widths are percent, heights are pixels, so that labels of a fixed height never meet. A ribbon is as
high as its customers; the thinnest ones are widened to be seen, and all others shrink for that by
the same factor. The smallest moves are drawn as one ribbon, so that every customer is in the
picture and the picture can still be read.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from crm_project.common.charts.scale import Described, Table, written

LABEL = 40.0
"""Height of a label (three lines); the middles of two nodes are never nearer."""

GAP = 6.0
THINNEST = 1.5
LEAST_HEIGHT = 320.0
A_NODE = 54.0
"""Height of the drawing for each node of the longer side."""

MOST_FLOWS = 40
OTHERS = ""
"""Key of the node that holds the smallest moves."""

_ROUNDS = 60


class Flow(NamedTuple):
    """Customers who were in ``source`` and are in ``target`` (keys of nodes)."""

    source: str
    target: str
    customers: int
    href: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A group of one side, in the order in which it is drawn. Colour is data, or empty."""

    key: str
    name: str
    colour: str = ""
    look: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """A node as drawn: from ``top`` to ``bottom``, its label around ``middle`` (pixels)."""

    node: Node
    count: int
    top: float
    bottom: float

    @property
    def middle(self) -> float:
        return round((self.top + self.bottom) / 2, 2)

    @property
    def shown(self) -> str:
        """The customers with thousands separators."""
        return f"{self.count:,}"


@dataclass(frozen=True, slots=True)
class Ribbon:
    """A flow as drawn: ``left`` and ``right`` are its upper edges, ``thickness`` its height."""

    flow: Flow
    colour: str
    look: int
    stayed: bool
    left: float
    right: float
    thickness: float
    words: str

    @property
    def path(self) -> str:
        """A closed shape from 0 to 100 percent of the width."""
        a, b = self.left, self.right
        c, d = round(b + self.thickness, 2), round(a + self.thickness, 2)
        return f"M0 {a:g}C50 {a:g} 50 {b:g} 100 {b:g}V{c:g}C50 {c:g} 50 {d:g} 0 {d:g}Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sankey(Described):
    """Everything a template needs; ``height`` is in pixels."""

    height: float
    left_title: str
    right_title: str
    left: tuple[Placed, ...]
    right: tuple[Placed, ...]
    ribbons: tuple[Ribbon, ...]
    total: int
    others: int

    @property
    def empty(self) -> bool:
        return not self.ribbons


def sankey(
    key: str,
    title: str,
    left: Sequence[Node],
    right: Sequence[Node],
    flows: Sequence[Flow],
    *,
    left_title: str,
    right_title: str,
    most: int = MOST_FLOWS,
) -> Sankey:
    """Return the drawing of all flows. A flow to a node of the same key is one that stayed.

    At most ``most`` flows are drawn one by one; customers of the rest go to a node "Other moves".

    >>> found = sankey("s", "Moves", [Node("a", "A")], [Node("a", "A"), Node("b", "B")],
    ...                [Flow("a", "a", 3), Flow("a", "b", 1)], left_title="May", right_title="June")
    >>> found.height, [ribbon.stayed for ribbon in found.ribbons], found.total
    (320.0, [True, False], 4)
    """
    real = _united(flows)
    shown, others = _largest(real, most)
    if others:
        right = [*right, Node(OTHERS, f"Other moves ({others})", look=5)]
    sides = (_counted(left, shown, 0), _counted(right, shown, 1))
    height = max(LEAST_HEIGHT, A_NODE * max(map(len, sides)))
    thick = _thickness(sides, shown, height)
    placed = (_place(sides[0], shown, thick, 0, height), _place(sides[1], shown, thick, 1, height))
    names = {node.key: node for node in (*left, *right)}
    ribbons = _ribbons(shown, thick, placed, names)
    total = sum(flow.customers for flow in real)
    return Sankey(
        key=key,
        title=title,
        description=_description(real, left_title, right_title, names),
        table=_table(real, names, left_title, right_title),
        height=height,
        left_title=left_title,
        right_title=right_title,
        left=placed[0],
        right=_true_counts(placed[1], real),
        ribbons=ribbons,
        total=total,
        others=others,
    )


def _united(flows: Sequence[Flow]) -> list[Flow]:
    """Leave empty flows out and add up those of the same pair."""
    found: dict[tuple[str, str], Flow] = {}
    for flow in flows:
        if flow.customers > 0:
            pair = (flow.source, flow.target)
            before = found[pair].customers if pair in found else 0
            found[pair] = flow._replace(customers=before + flow.customers)
    return list(found.values())


def _largest(flows: Sequence[Flow], most: int) -> tuple[list[Flow], int]:
    """Return the flows to draw and how many were united; those who stayed are always drawn."""
    moves = sorted(
        (flow for flow in flows if flow.source != flow.target),
        key=lambda flow: (-flow.customers, flow.source, flow.target),
    )
    if len(moves) <= most:
        return list(flows), 0
    united: dict[str, int] = defaultdict(int)
    for flow in moves[most:]:
        united[flow.source] += flow.customers
    stayed = [flow for flow in flows if flow.source == flow.target]
    rest = [Flow(source, OTHERS, count) for source, count in united.items()]
    return [*stayed, *moves[:most], *rest], len(moves) - most


def _counted(nodes: Sequence[Node], flows: Sequence[Flow], side: int) -> list[tuple[Node, int]]:
    sums: dict[str, int] = defaultdict(int)
    for flow in flows:
        sums[flow[side]] += flow.customers  # type: ignore[index] # 0 and 1 are the two keys
    return [(node, sums[node.key]) for node in nodes if sums[node.key]]


def _thickness(
    sides: tuple[list[tuple[Node, int]], list[tuple[Node, int]]],
    flows: Sequence[Flow],
    height: float,
) -> dict[tuple[str, str], float]:
    """Return how high each ribbon is, so that the fuller side just fits (found by halving)."""
    total = sum(flow.customers for flow in flows) or 1

    def drawn(factor: float) -> dict[tuple[str, str], float]:
        return {
            (flow.source, flow.target): max(THINNEST, factor * flow.customers / total)
            for flow in flows
        }

    def fits(factor: float) -> bool:
        thick = drawn(factor)
        return all(
            _needed(nodes, thick, side) <= height for side, nodes in enumerate(sides) if nodes
        )

    low, high = 0.0, height
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return drawn(low)


def _needed(
    nodes: Sequence[tuple[Node, int]], thick: Mapping[tuple[str, str], float], side: int
) -> float:
    heights = _heights(nodes, thick, side)
    return sum(max(LABEL, found) for found in heights) + GAP * (len(heights) - 1)


def _heights(
    nodes: Sequence[tuple[Node, int]], thick: Mapping[tuple[str, str], float], side: int
) -> list[float]:
    sums: dict[str, float] = defaultdict(float)
    for pair, value in thick.items():
        sums[pair[side]] += value
    return [sums[node.key] for node, _ in nodes]


def _place(
    nodes: Sequence[tuple[Node, int]],
    flows: Sequence[Flow],
    thick: Mapping[tuple[str, str], float],
    side: int,
    height: float,
) -> tuple[Placed, ...]:
    """Stack the nodes; what is left over is spread between them."""
    heights = _heights(nodes, thick, side)
    free = height - sum(max(LABEL, found) for found in heights)
    gap = free / max(len(heights) - 1, 1)
    if len(heights) == 1:
        return (_at(nodes[0], (height - heights[0]) / 2, heights[0]),)
    placed, top = [], 0.0
    for pair, found in zip(nodes, heights, strict=True):
        slot = max(LABEL, found)
        placed.append(_at(pair, top + (slot - found) / 2, found))
        top += slot + gap
    return tuple(placed)


def _at(pair: tuple[Node, int], top: float, found: float) -> Placed:
    return Placed(pair[0], pair[1], round(top, 2), round(top + found, 2))


def _ribbons(
    flows: Sequence[Flow],
    thick: Mapping[tuple[str, str], float],
    placed: tuple[tuple[Placed, ...], tuple[Placed, ...]],
    names: Mapping[str, Node],
) -> tuple[Ribbon, ...]:
    """Hang the ribbons at their nodes, on each side in the order of the other side."""
    orders = [{one.node.key: place for place, one in enumerate(side)} for side in placed]
    tops = [{one.node.key: one.top for one in side} for side in placed]
    pairs = {(flow.source, flow.target): flow for flow in flows}
    edges: dict[tuple[str, str], list[float]] = {pair: [0.0, 0.0] for pair in pairs}
    for side in (0, 1):
        for pair in sorted(pairs, key=lambda pair: orders[1 - side][pair[1 - side]]):
            edges[pair][side] = round(tops[side][pair[side]], 2)
            tops[side][pair[side]] += thick[pair]
    total = sum(flow.customers for flow in flows)
    return tuple(
        Ribbon(
            flow=flow,
            colour=names[flow.source].colour,
            look=names[flow.source].look,
            stayed=flow.source == flow.target,
            left=edges[pair][0],
            right=edges[pair][1],
            thickness=round(thick[pair], 2),
            words=_words(flow, names, total),
        )
        for pair, flow in sorted(pairs.items(), key=lambda item: -item[1].customers)
    )


def _words(flow: Flow, names: Mapping[str, Node], total: int) -> str:
    share = written(flow.customers / total, "share")
    if flow.source == flow.target:
        return f"{flow.customers:,} stayed in {names[flow.source].name} ({share} of all)"
    way = f"{names[flow.source].name} → {names[flow.target].name}"
    return f"{way}: {flow.customers:,} customers ({share} of all)"


def _true_counts(placed: Sequence[Placed], flows: Sequence[Flow]) -> tuple[Placed, ...]:
    """Label the right side with all its customers, also those drawn among the other moves."""
    sums: dict[str, int] = defaultdict(int)
    for flow in flows:
        sums[flow.target] += flow.customers
    return tuple(
        one if one.node.key == OTHERS else replace(one, count=sums[one.node.key]) for one in placed
    )


def _description(flows: Sequence[Flow], left: str, right: str, names: Mapping[str, Node]) -> str:
    total = sum(flow.customers for flow in flows)
    if not total:
        return "Nobody is in both."
    stayed = sum(flow.customers for flow in flows if flow.source == flow.target)
    moves = sorted((flow for flow in flows if flow.source != flow.target),
                   key=lambda flow: -flow.customers)[:3]  # fmt: skip
    biggest = "; ".join(
        f"{names[flow.source].name} to {names[flow.target].name} {flow.customers:,}"
        for flow in moves
    )
    ending = f" The largest moves: {biggest}." if moves else ""
    return (
        f"{total:,} customers from {left} to {right}: {stayed:,} stayed "
        f"({written(stayed / total, 'share')}), {total - stayed:,} moved.{ending}"
    )


def _table(flows: Sequence[Flow], names: Mapping[str, Node], left: str, right: str) -> Table:
    sizes: dict[str, int] = defaultdict(int)
    for flow in flows:
        sizes[flow.source] += flow.customers
    rows = tuple(
        (
            names[flow.source].name,
            names[flow.target].name,
            f"{flow.customers:,}",
            written(flow.customers / sizes[flow.source], "share"),
        )
        for flow in sorted(flows, key=lambda flow: -flow.customers)
    )
    return Table((f"Group, {left}", f"Group, {right}", "Customers", "Of the group"), rows)
