"""Charts as shapes: numbers in, frozen coordinates and words out, no Django and no colours.

A template of ``templates/crm/charts`` draws each kind; classes of the style sheet colour it, in
light and dark. All coordinates are percent of the drawing (only a Sankey's heights are pixels), so
that a page may stretch it to any width; texts are HTML beside it, and keep their size on a phone.
Every chart carries a title, a description for those who do not see it, and its numbers as a table.
Numbers that are not finite count as not known and are left out; nothing is drawn for them.
"""

from crm_project.common.charts.bars import Bar, Bars, Mark, bars
from crm_project.common.charts.heat import Heat, heat
from crm_project.common.charts.plots import Bin, Plot, Series, gain, lines, reliability
from crm_project.common.charts.sankey import Flow, Node, Sankey, sankey
from crm_project.common.charts.scale import Scale, Table, Unit, known, scale, written

__all__ = [
    "Bar",
    "Bars",
    "Bin",
    "Flow",
    "Heat",
    "Mark",
    "Node",
    "Plot",
    "Sankey",
    "Scale",
    "Series",
    "Table",
    "Unit",
    "bars",
    "gain",
    "heat",
    "known",
    "lines",
    "reliability",
    "sankey",
    "scale",
    "written",
]
