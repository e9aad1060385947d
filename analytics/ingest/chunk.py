"""Many envelopes as one entry of the queue: what concurrent requests brought, or one batch."""

from collections.abc import Sequence

import msgspec

from analytics.ingest.envelope import Envelope

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Envelope])


class DamagedChunkError(ValueError):
    """These bytes are no chunk of envelopes."""


def encode(envelopes: Sequence[Envelope]) -> bytes:
    """Return the bytes of one queue entry.

    >>> one = Envelope(bytes(16), 0, "shop", "", "signal", "", "", b"{}")
    >>> decode(encode([one])) == [one]
    True
    """
    return _encoder.encode(envelopes)


def decode(data: bytes) -> list[Envelope]:
    """Return the envelopes of one queue entry, in the order in which they came.

    Raises:
        DamagedChunkError: the bytes were not made by ``encode``.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedChunkError(f"A queue entry cannot be read: {error}") from error
