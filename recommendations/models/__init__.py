from recommendations.models.audit import (
    AuditItem,
    RecoAudit,
    RecoDecision,
    RecoExport,
    RecoExportFile,
    RecoExportItem,
    Severity,
)
from recommendations.models.backtests import BacktestRun
from recommendations.models.configs import RecoConfig
from recommendations.models.outcomes import (
    Assignment,
    OutcomeEvent,
    OutcomeWindow,
    UpliftReport,
)
from recommendations.models.runs import (
    Decided,
    RecoExclusion,
    RecoItem,
    RecoRun,
    Scenario,
    Slot,
)

__all__ = [
    "Assignment",
    "AuditItem",
    "BacktestRun",
    "Decided",
    "OutcomeEvent",
    "OutcomeWindow",
    "RecoAudit",
    "RecoConfig",
    "RecoDecision",
    "RecoExclusion",
    "RecoExport",
    "RecoExportFile",
    "RecoExportItem",
    "RecoItem",
    "RecoRun",
    "Scenario",
    "Severity",
    "Slot",
    "UpliftReport",
]
