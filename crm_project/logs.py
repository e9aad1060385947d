"""How log lines look: for machines in production, for people elsewhere. Where errors go besides."""

from typing import Any

import environ
import structlog

from crm_project import log_words

_SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.ExceptionRenderer(log_words.exception_text),
]
_OF_LIBRARIES: list[Any] = [log_words.of_its_request, log_words.task_without_data]
_OURS = ("crm_project", "customers", "orders", "analytics", "recommendations")


def configure(*, level: str, as_json: bool) -> dict[str, Any]:
    """Set structlog up and return Django's ``LOGGING``, so that both write the same lines.

    Args:
        level: of our own loggers; libraries log warnings and worse.
        as_json: one JSON object per line, instead of coloured text.
    """
    structlog.configure(
        processors=[*_SHARED_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter
    formats = {
        "json": structlog.processors.JSONRenderer(),
        "console": structlog.dev.ConsoleRenderer(),
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            name: {
                "()": formatter,
                "processor": renderer,
                "pass_foreign_args": True,
                "foreign_pre_chain": [*_OF_LIBRARIES, *_SHARED_PROCESSORS],
            }
            for name, renderer in formats.items()
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json" if as_json else "console",
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            name: {"handlers": ["stderr"], "level": level, "propagate": False} for name in _OURS
        }
        # It writes names and addresses of who signs in; services/sign_ins.py says that it happened.
        | {"axes": {"level": "ERROR"}},
    }


def telemetry(env: environ.Env) -> dict[str, Any]:
    """Return where errors and traces go (``crm_project.common.telemetry``); unnamed: nowhere."""
    return {
        "sentry_dsn": env.str("SENTRY_DSN", default=""),
        "sentry_traces": env.float("SENTRY_TRACES_SAMPLE_RATE", default=0.0),
        "otlp_endpoint": env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default=""),
        "service": env.str("OTEL_SERVICE_NAME", default="crm"),
        "release": env.str("CRM_RELEASE", default=""),
    }
