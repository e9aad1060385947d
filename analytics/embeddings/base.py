"""What every provider of vectors can do, and what can go wrong with one."""

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from crm_project.common.exceptions import CrmError

Vectors = NDArray[np.float32]
"""One row per text; each row has length 1, or is all zeros where nothing can be said."""

NOTHING = 1e-5
"""A centred vector shorter than this (before: length about 1) is rounding noise: it gets zeros."""


class EmbeddingError(CrmError):
    """The texts could not be turned into vectors."""


class ArtefactError(EmbeddingError):
    """The stored model cannot be read: it is damaged, or was written by another provider."""


class NotFittedError(EmbeddingError):
    """This model has not been fitted yet: call fit(texts) first, or restore a stored one."""


class PrivateTextError(EmbeddingError):
    """A text holds what looks like an e-mail address or a phone number; nothing was sent."""


class ProviderRefusedError(EmbeddingError):
    """The service refused the request; asking again would not help."""


class ProviderUnavailableError(EmbeddingError):
    """The service could not be reached or had no time; asking later may help."""


class Provider(Protocol):
    """Turns texts into vectors of one dimension; equal texts get equal vectors."""

    @property
    def name(self) -> str:
        """The word by which settings and stored models know this provider."""
        ...

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        ...

    def fit(self, texts: Sequence[str]) -> Self:
        """Return a provider that learned from these texts (vocabulary, centre); self is unchanged.

        The order of the texts changes nothing.
        """
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one centred vector of length 1 per text, as float32 [texts, dimension].

        A text about which nothing can be said gets a row of zeros: it has no direction, so it must
        not be stored as a neighbour of anything.
        """
        ...

    def serialise(self) -> bytes:
        """Return what was learned, without keys and without any text."""
        ...

    def restored(self, artefact: bytes) -> Self:
        """Return a provider that knows what ``serialise`` wrote.

        Raises:
            ArtefactError: the bytes are not such an artefact.
        """
        ...


def centred(rows: NDArray[np.float64], centre: NDArray[np.float64]) -> Vectors:
    """Subtract the centre and bring each row to length 1; what lies on the centre gets zeros."""
    moved = rows - centre
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    scale = np.where(lengths > NOTHING, lengths, np.inf)
    return (moved / scale).astype(np.float32)
