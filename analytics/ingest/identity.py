"""Which event is the same as another, and what a new one is called."""

import random
from hashlib import blake2b

_DIGEST_BYTES = 16
_MICROSECONDS = 1_000
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_BITS = 62


def digest(source: str, message_id: str) -> bytes:
    """Return the 16 bytes that stand for a sender's message id, forever.

    The source's length goes first, so that no two pairs read the same.

    >>> digest("shop", "1").hex()
    'b216348d22e7e942514f3a823df4eba6'
    >>> digest("shop1", "") == digest("shop", "1")
    False
    """
    name = source.encode()
    text = len(name).to_bytes(4, "big") + name + message_id.encode()
    return blake2b(text, digest_size=_DIGEST_BYTES).digest()


def uuid7(micros: int) -> bytes:
    """Return the 16 bytes of a new UUIDv7 (RFC 9562) for a moment in microseconds since 1970.

    The twelve bits after the version hold the fraction of the millisecond (method 3 of section
    6.2), so ids sort by time also within one; the rest is random.

    >>> uuid7(1_700_000_000_123_456)[:6].hex() == f"{1_700_000_000_123:012x}"
    True
    """
    milliseconds, rest = divmod(micros, _MICROSECONDS)
    fraction = (rest << 12) // _MICROSECONDS
    # Unique, not secret: an id opens nothing. Asking the system each time lets other threads run
    # in between, which costs ten times as much; a forked process is seeded anew.
    chance = random.getrandbits(_RANDOM_BITS)
    number = milliseconds << 80 | _VERSION_7 | fraction << 64 | _VARIANT | chance
    return number.to_bytes(16, "big")
