from analytics.models.dashboards import RevenueByMonth, RfmGrid, SegmentSummary
from analytics.models.rfm import CurrentRfmScore, RfmMovement, RfmRun, RfmScore
from analytics.models.segments import Segment, SegmentCell
from analytics.models.signal_types import SignalType
from analytics.models.signals import QuarantinedEvent, RawEvent, Signal, SignalReceipt

__all__ = [
    "CurrentRfmScore",
    "QuarantinedEvent",
    "RawEvent",
    "RevenueByMonth",
    "RfmGrid",
    "RfmMovement",
    "RfmRun",
    "RfmScore",
    "Segment",
    "SegmentCell",
    "SegmentSummary",
    "Signal",
    "SignalReceipt",
    "SignalType",
]
