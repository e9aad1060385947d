"""Folders that survive a power cut as a disk does."""

import os
import shutil
import signal
import subprocess
import sys
import time
from ctypes.util import find_library
from pathlib import Path

from tests.proofs.programs import Program

WHY_NOT = ""
if not Path("/dev/fuse").exists() or not os.access("/dev/fuse", os.R_OK | os.W_OK):
    WHY_NOT = "there is no /dev/fuse that we may use"
elif find_library("fuse") is None:
    WHY_NOT = "libfuse 2 is not installed (Debian: apt-get install libfuse2)"


class Disk:
    """A mounted ``forgetful_disk``; what lies in it after ``cut_power`` was synced before."""

    def __init__(self, folder, *, early=0, seed=0, cached=0):
        self.folder = Path(folder)
        self.platter = self.folder / "platter"
        self.mount = self.folder / "mount"
        self.full = self.folder / "full"
        self.options = ["--early", early, "--seed", seed, "--cached", cached, "--full", self.full]
        for made in (self.folder, self.platter, self.mount):
            made.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.program = None

    def turn_on(self):
        command = [sys.executable, "-m", "tests.proofs.forgetful_disk"]
        self.program = Program(
            [*command, self.platter, self.mount, *self.options],
            log=self.folder / "disk.log",
            environment=dict(os.environ),
            dying=signal.SIGTERM,  # it then takes its mount along
        )
        self.program.wait_for(lambda: os.path.ismount(self.mount))
        return self

    def fill(self):
        """Leave no room for anything new, until ``make_room``."""
        self.full.touch()

    def make_room(self):
        self.full.unlink()

    def cut_power(self):
        """Forget what was not synced. Everything that uses the disk must be paused or dead."""
        self.program.kill()

    def turn_off(self):
        """Take the dead disk's mount away, after its users have been killed."""
        if self.program is not None and not self.program.ended:
            self.program.kill()
        # The kernel may still be closing files of users that were killed a moment ago.
        for _ in range(100):
            if not _is_mounted(self.mount):
                return
            helper = ["umount", "-l"] if os.geteuid() == 0 else ["fusermount", "-u", "-z"]
            subprocess.run([*helper, self.mount], check=False, capture_output=True)
            time.sleep(0.02)
        message = f"{self.mount} cannot be unmounted"
        raise AssertionError(message)

    def remove(self):
        self.turn_off()
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_mounted(folder):
    return f" {folder} " in Path("/proc/self/mounts").read_text()
