"""Ask any service that speaks the OpenAI embeddings API (``POST {base_url}/embeddings``).

A text that holds what looks like an e-mail address or a phone number is refused before the first
request, so that personal data cannot leave the house by mistake.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, Self
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from analytics.embeddings.artefact import packed, unpacked
from analytics.embeddings.base import (
    ArtefactError,
    EmbeddingError,
    NotFittedError,
    PrivateTextError,
    ProviderRefusedError,
    Vectors,
    centred,
)
from analytics.embeddings.http_post import Patience, post_json
from crm_project.common.private_text import has_contact

FORMAT: Final = "openai-1"
LARGEST_BATCH = 50
BYTES_PER_TOKEN = 3
"""English has about four; other languages fewer. The estimate is meant to be too high."""

PATIENCE: Final = Patience()

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run will ask of the service; ``price`` is None where no price is set.

    Requests count the tries that succeed. The price has the currency of the price per token.
    """

    texts: int
    requests: int
    tokens: int
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class OpenAIProvider:
    """Vectors from a service; ``fit`` asks for a sample of the texts and learns their centre.

    ``key`` is sent as a bearer token and never stored, shown or logged. ``send_dimension`` is off
    for models that do not know the parameter. ``price_per_million`` is the price of a million
    tokens.
    """

    base_url: str
    model: str
    dimension: int
    key: str = field(default="", repr=False)
    batch: int = LARGEST_BATCH
    sample: int = 200
    seed: int = 0
    send_dimension: bool = True
    price_per_million: Decimal | None = None
    patience: Patience = PATIENCE
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False, compare=False)
    centre: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_address(self.base_url, key=self.key)
        if not 1 <= self.batch <= LARGEST_BATCH:
            raise EmbeddingError(f"A batch holds 1 to {LARGEST_BATCH} texts.")
        if self.dimension < 1 or self.sample < 1 or not self.model:
            raise EmbeddingError(
                "Name a model, its dimension (1 or more) and a sample (1 or more)."
            )

    @property
    def name(self) -> str:
        return "openai"

    def cost(self, texts: Sequence[str]) -> Cost:
        """Estimate, from above, what embedding these texts asks for; blank ones are never sent."""
        sizes = [len(text.encode()) for text in texts if text.strip()]
        tokens = sum(math.ceil(size / BYTES_PER_TOKEN) for size in sizes)
        price = None
        if self.price_per_million is not None:
            price = self.price_per_million * tokens / 1_000_000
        return Cost(len(sizes), math.ceil(len(sizes) / self.batch), tokens, price)

    def drawn(self, texts: Sequence[str]) -> list[str]:
        """Return the texts that ``fit`` will send: ask ``cost`` of them too."""
        ranked = sorted({text for text in texts if text.strip()})
        if len(ranked) <= self.sample:
            return ranked
        dice = np.random.default_rng(self.seed)
        chosen = dice.choice(len(ranked), size=self.sample, replace=False)
        return [ranked[at] for at in sorted(chosen)]

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn the centre from a sample drawn by the seed.

        Fewer than three different texts give no centre worth subtracting: it stays at zero.
        """
        drawn = self.drawn(texts)
        centre = np.zeros(self.dimension)
        if len(drawn) > 2:
            centre = self._asked(drawn).mean(axis=0)
        return replace(self, centre=centre)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the service's vectors, centred and of length 1; a blank text gets zeros.

        Raises:
            PrivateTextError: a text holds a contact; nothing was sent.
            ProviderRefusedError: the service said no, or its answer makes no sense.
            ProviderUnavailableError: still busy or out of reach after the last try.
        """
        if self.centre is None:
            raise NotFittedError
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        told = [at for at, text in enumerate(texts) if text.strip()]
        if told:
            vectors[told] = centred(self._asked([texts[at] for at in told]), self.centre)
        return vectors

    def serialise(self) -> bytes:
        if self.centre is None:
            raise NotFittedError
        head = {"made_by": FORMAT, "model": self.model, "dimension": self.dimension}
        return packed(head, {"centre": self.centre})

    def restored(self, artefact: bytes) -> Self:
        head, arrays = unpacked(artefact, made_by=FORMAT)
        centre = arrays.get("centre")
        if centre is None or centre.shape != (self.dimension,) or centre.dtype != np.float64:
            raise ArtefactError
        if head.get("model") != self.model:
            raise ArtefactError("This stored model belongs to another model of the service.")
        return replace(self, centre=centre)

    def _asked(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return one row of length 1 per text, all checked before the first is sent."""
        for at, text in enumerate(texts):
            if has_contact(text):
                raise PrivateTextError(f"{PrivateTextError.__doc__} It is text {at + 1}.")
        rows = np.concatenate([self._batch(part) for part in _parts(texts, self.batch)])
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(lengths > 0, lengths, 1.0)

    def _batch(self, texts: Sequence[str]) -> NDArray[np.float64]:
        body: dict[str, object] = {
            "model": self.model, "input": list(texts), "encoding_format": "float",
        }  # fmt: skip
        if self.send_dimension:
            body["dimensions"] = self.dimension
        answer = post_json(
            f"{self.base_url.rstrip('/')}/embeddings",
            body,
            headers={"Authorization": f"Bearer {self.key}"} if self.key else {},
            patience=self.patience,
            sleep=self.sleep,
        )
        return _rows(answer, count=len(texts), dimension=self.dimension)


def _check_address(base_url: str, *, key: str) -> None:
    """Refuse an address that is none, or that would let the key be read on its way."""
    wrong = EmbeddingError("The address of the embedding service must be an http(s) URL.")
    try:
        address = urlsplit(base_url)
        port = address.port
    except ValueError as error:
        raise wrong from error
    if address.scheme not in ("http", "https") or not address.hostname or port == 0:
        raise wrong
    if address.username or address.password or address.query or address.fragment:
        raise EmbeddingError("Give the key as a setting, not inside the address.")
    if key and address.scheme == "http" and address.hostname not in _LOOPBACK:
        raise EmbeddingError("A key must not travel unencrypted: use an https address.")
    if not key.isascii() or not key.isprintable():
        raise EmbeddingError("The key holds a character that cannot be sent.")


def _parts(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


def _rows(answer: Any, *, count: int, dimension: int) -> NDArray[np.float64]:
    """Put the vectors into the order of the texts: the answer may hold them in any order.

    Raises:
        ProviderRefusedError: a vector is missing, doubled, of another dimension, or not finite.
    """
    try:
        found = {int(one["index"]): one["embedding"] for one in answer["data"]}
        rows = np.array([found[at] for at in range(count)], dtype=np.float64)
        complete = len(answer["data"]) == count
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProviderRefusedError("The embedding service's answer makes no sense.") from error
    if not complete or rows.shape != (count, dimension) or not np.isfinite(rows).all():
        raise ProviderRefusedError(
            f"The embedding service must answer with {dimension} finite numbers for each text."
        )
    return rows
