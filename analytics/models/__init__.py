from analytics.models.dashboards import RevenueByMonth, RfmGrid, SegmentSummary
from analytics.models.embeddings import CustomerEmbedding, EmbeddingModel, ProductEmbedding
from analytics.models.metrics import CurrentCustomerMetrics, CustomerMetrics, MetricsRun
from analytics.models.pipeline import PipelineRun, PipelineStep
from analytics.models.profiles import CustomerProfile
from analytics.models.rfm import CurrentRfmScore, RfmMovement, RfmRun, RfmScore
from analytics.models.saved_segments import (
    SavedSegment,
    SavedSegmentExport,
    SavedSegmentMember,
)
from analytics.models.segmentations import (
    CurrentCluster,
    Segmentation,
    SegmentationCluster,
    SegmentationComparison,
    SegmentationMember,
)
from analytics.models.segments import Segment, SegmentCell
from analytics.models.signal_reports import (
    CustomerSignalsByDay,
    SearchWord,
    SignalsByDay,
    SignalScore,
)
from analytics.models.signal_types import SignalType
from analytics.models.signals import QuarantinedEvent, RawEvent, Signal, SignalReceipt

__all__ = [
    "CurrentCluster",
    "CurrentCustomerMetrics",
    "CurrentRfmScore",
    "CustomerEmbedding",
    "CustomerMetrics",
    "CustomerProfile",
    "CustomerSignalsByDay",
    "EmbeddingModel",
    "MetricsRun",
    "PipelineRun",
    "PipelineStep",
    "ProductEmbedding",
    "QuarantinedEvent",
    "RawEvent",
    "RevenueByMonth",
    "RfmGrid",
    "RfmMovement",
    "RfmRun",
    "RfmScore",
    "SavedSegment",
    "SavedSegmentExport",
    "SavedSegmentMember",
    "SearchWord",
    "Segment",
    "SegmentCell",
    "SegmentSummary",
    "Segmentation",
    "SegmentationCluster",
    "SegmentationComparison",
    "SegmentationMember",
    "Signal",
    "SignalReceipt",
    "SignalScore",
    "SignalType",
    "SignalsByDay",
]
