"""Nobody overwrites a change they have not seen: strong ETags of the whole representation."""

import hashlib
import json
import re
from typing import Any

from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

from crm_project.common.api.errors import PreconditionFailed

_TAGS = re.compile(r'(W/)?"([^"]*)"')


def make(representation: Any) -> str:
    """Return the ETag of what a GET without ``fields`` would show."""
    text = json.dumps(representation, cls=JSONEncoder, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def check_if_match(request: Request, current: str) -> None:
    """Raise PreconditionFailed where the caller's If-Match names another version.

    The header is optional. Weak tags never match, as RFC 9110 asks.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return
    strong = {f'"{value}"' for weak, value in _TAGS.findall(header) if not weak}
    if current not in strong:
        raise PreconditionFailed


def not_modified(request: Request, current: str) -> bool:
    """Return whether the caller already holds this version (If-None-Match, weak comparison)."""
    header = request.headers.get("If-None-Match")
    if header is None:
        return False
    return header.strip() == "*" or current in {f'"{value}"' for _, value in _TAGS.findall(header)}
