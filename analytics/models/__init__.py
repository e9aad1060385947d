from analytics.models.dashboards import RevenueByMonth, RfmGrid, SegmentSummary
from analytics.models.rfm import CurrentRfmScore, RfmMovement, RfmRun, RfmScore
from analytics.models.segments import Segment, SegmentCell

__all__ = [
    "CurrentRfmScore",
    "RevenueByMonth",
    "RfmGrid",
    "RfmMovement",
    "RfmRun",
    "RfmScore",
    "Segment",
    "SegmentCell",
    "SegmentSummary",
]
