from crm_project.common.models.backup import BackupRun, DrillRun
from crm_project.common.models.base import DatabaseView, TimeStamped
from crm_project.common.models.idempotency import StoredResponse
from crm_project.common.models.job import Job
from crm_project.common.models.refresh import RefreshState
from crm_project.common.models.token import ApiToken
from crm_project.common.models.user import User

__all__ = [
    "ApiToken",
    "BackupRun",
    "DatabaseView",
    "DrillRun",
    "Job",
    "RefreshState",
    "StoredResponse",
    "TimeStamped",
    "User",
]
