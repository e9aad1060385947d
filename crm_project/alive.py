"""A file that is touched as long as worker and beat do their rounds, for probes.

A process that hangs does not end, so nobody would start it again. Who looks at the file's age
(``k8s/base/worker.yaml``) asks nobody: a broker that is away must not have workers restarted.
"""

from pathlib import Path

from django.conf import settings


def touch() -> None:
    """Say that this process lives; without ``CRM_ALIVE_FILE`` nobody asked."""
    if settings.CRM_ALIVE_FILE:
        Path(settings.CRM_ALIVE_FILE).touch()
