#!/usr/bin/env python
"""Django's command line. It brings its own PostgreSQL and Valkey where none are configured."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Start the embedded servers if the command needs them, then run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")
    try:
        import environ
        from django.core.management import execute_from_command_line

        from crm_project import embedded
    except ImportError as error:
        message = "The packages are missing: run make demo or make test, or activate .venv."
        raise SystemExit(message) from error
    # As the settings do: what .env says decides whether the servers are ours to start.
    environ.Env.read_env(Path(__file__).resolve().parent / ".env")
    # In production the system checks refuse what is missing, with numbers and hints.
    if embedded.command_needs_services(sys.argv) and os.environ.get("CRM_ENV") != "production":
        try:
            embedded.ensure_for_process(handle_signals=True)
        except embedded.EmbeddedError as error:
            raise SystemExit(str(error)) from error
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
