"""The site as it runs in production: web processes, consumer, worker, beat, on a free port."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

from crm_project.common.exceptions import CrmError
from crm_project.common.supervisor import server_commands

START_SECONDS = 120


@contextmanager
def running(*, workers: int, log: Path) -> Iterator[str]:
    """Run all processes until the work is done; gives the site's address.

    Raises CrmError where it does not come up.
    """
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    commands = server_commands(host="127.0.0.1", port=port, workers=workers)
    with log.open("w") as lines:
        processes = [
            # Sessions of their own, as `serve` gives them: Linux shares processors among those.
            subprocess.Popen(
                command,
                stdout=lines,
                stderr=subprocess.STDOUT,
                env=os.environ,
                start_new_session=True,
            )
            for command in commands.values()
        ]
        try:
            _wait(f"{address}/readyz", processes)
            yield address
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(address: str, processes: list[subprocess.Popen[bytes]]) -> None:
    end = monotonic() + START_SECONDS
    while monotonic() < end and all(process.poll() is None for process in processes):
        try:
            with urlopen(address, timeout=5):  # noqa: S310 - our own address
                return
        except (URLError, OSError):
            sleep(0.2)
    raise CrmError("The site did not start; its last lines are in the log.")


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Cpu:
    """How busy all cores were between two moments, from /proc/stat; nothing where there is none."""

    def __init__(self) -> None:
        self._before = _ticks()

    def busy(self) -> float | None:
        """Return the share of the cores' time that was used since."""
        now = _ticks()
        if not now or not self._before:
            return None
        total, idle = (after - before for after, before in zip(now, self._before, strict=True))
        return 1 - idle / total if total else None


def _ticks() -> tuple[int, int] | None:
    try:
        numbers = [int(part) for part in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    except OSError:
        return None
    return sum(numbers[:8]), numbers[3] + numbers[4]
