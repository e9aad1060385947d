"""What an authenticator app shows (RFC 6238), computed from its key. Needs no Django."""

import hashlib
import hmac
import struct
import time

STEP_SECONDS = 30
DIGITS = 6


def code(key: str, moment: float | None = None) -> str:
    """Return the six digits for a key in hexadecimal, now or at a moment in seconds of Unix.

    >>> code("3132333435363738393031323334353637383930", 59)
    '287082'
    """
    step = int((time.time() if moment is None else moment) // STEP_SECONDS)
    digest = hmac.new(bytes.fromhex(key), struct.pack(">Q", step), hashlib.sha1).digest()
    start = digest[-1] & 0xF
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"
