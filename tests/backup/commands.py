"""The command ``backup``, run as from a shell."""

import json
from io import StringIO

from django.core.management import call_command


def command(*arguments):
    """Return what the command prints."""
    out = StringIO()
    call_command("backup", *arguments, stdout=out)
    return out.getvalue()


def facts(*arguments):
    return json.loads(command(*arguments, "--json"))
