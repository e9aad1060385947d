"""A disk that is as small as wanted, in memory."""

import os
import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def mounted(place, kib):
    """Mount a disk of so many KiB at ``place``, which is made; the test is skipped elsewhere."""
    place.mkdir()
    place.chmod(0o755)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", place]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or os.geteuid():
        pytest.skip(f"No disk can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)
