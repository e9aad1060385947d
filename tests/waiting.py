"""Wait for something that another process or thread does: bounded, without guessing times."""

import time


def wait_until(holds, *, seconds=60, every=0.05):
    """Return the first true value of ``holds()``; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < end, f"not within {seconds} seconds"
        time.sleep(every)
    return value
