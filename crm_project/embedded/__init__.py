"""PostgreSQL 18 and Valkey for development, the demo and tests: started by the first process
that needs them, shared by all, stopped by the last, and sound after any of them was killed.

They lie under ``CRM_HOME`` (default ``.crm``), listen on Unix sockets only, and take part only
where ``DATABASE_URL`` or ``REDIS_URL`` is not set. Importing this package starts nothing.
"""

from crm_project.embedded.errors import EmbeddedError, EmbeddedRefused, EmbeddedUnavailable
from crm_project.embedded.layout import crm_home
from crm_project.embedded.process import (
    command_needs_services,
    end_cleanly_on_signals,
    ensure_for_process,
)
from crm_project.embedded.services import (
    Status,
    celery_broker_url,
    database_config,
    ensure_services,
    needed,
    redis_url,
    set_postgres,
    status,
    stop_services,
)

__all__ = [
    "EmbeddedError",
    "EmbeddedRefused",
    "EmbeddedUnavailable",
    "Status",
    "celery_broker_url",
    "command_needs_services",
    "crm_home",
    "database_config",
    "end_cleanly_on_signals",
    "ensure_for_process",
    "ensure_services",
    "needed",
    "redis_url",
    "set_postgres",
    "status",
    "stop_services",
]
