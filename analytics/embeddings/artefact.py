"""Write and read a learned model as bytes: numbers as npz, words as JSON; never pickle."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.embeddings.base import ArtefactError

_HEAD = "head"
"""The array that holds the JSON, as bytes."""


def packed(head: Mapping[str, object], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Put facts and arrays together; the same content always gives the same bytes."""
    text = json.dumps(head, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    out = io.BytesIO()
    whole: dict[str, NDArray[Any]] = {_HEAD: np.frombuffer(text.encode(), np.uint8), **arrays}
    np.savez(out, allow_pickle=False, **whole)
    return out.getvalue()


def unpacked(artefact: bytes, *, made_by: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Take facts and arrays apart again.

    Raises:
        ArtefactError: damaged bytes, pickled content, or another provider's artefact.
    """
    try:
        with np.load(io.BytesIO(artefact), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        head = json.loads(arrays.pop(_HEAD).tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ArtefactError from error
    if not isinstance(head, dict) or head.get("made_by") != made_by:
        raise ArtefactError
    return head, arrays
