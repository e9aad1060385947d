"""Many connections that each send the next request as soon as the last is answered.

``wrk`` does it where it is installed (one thread of C); else the same in Python, which needs so
much of the machine itself that the server looks slower than it is.
"""

import asyncio
import json
import shutil
import subprocess
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import quantiles
from tempfile import NamedTemporaryFile
from time import perf_counter

from crm_project.common.exceptions import CrmError

MARK = "{id}"
"""Where in a body a number of its own goes; as long as the numbers."""

DIGITS = 12
_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it. Times in milliseconds."""

    rate: float
    p50: float
    p99: float
    errors: int

    @property
    def note(self) -> str:
        return f"p50 {self.p50:.0f} ms, p99 {self.p99:.0f} ms, {self.errors} errors"


@dataclass(frozen=True, slots=True)
class Target:
    """Where and what to send; each ``MARK`` in the body becomes a number never used before."""

    port: int
    path: str
    token: str
    body: str


def generator() -> str:
    return "wrk" if shutil.which("wrk") else "the built-in generator"


def send(target: Target, *, connections: int, seconds: int) -> Load:
    """Keep all connections busy for so long."""
    if shutil.which("wrk"):
        return _by_wrk(target, connections, seconds)
    return asyncio.run(_in_python(target, connections, seconds))


def _by_wrk(target: Target, connections: int, seconds: int) -> Load:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_SCRIPT)]
    command += ["--timeout", "10s", f"http://127.0.0.1:{target.port}{target.path}", "--"]
    # In a file: a batch is longer than an argument may be.
    with NamedTemporaryFile("w") as body:
        body.write(target.body)
        body.flush()
        ended = subprocess.run(
            [*command, target.token, body.name], capture_output=True, text=True, check=False
        )
    line = next((x for x in ended.stdout.splitlines() if x.startswith("{")), "")
    if not line:
        raise CrmError(f"wrk failed: {ended.stderr or ended.stdout}")
    return Load(**json.loads(line))


async def _in_python(target: Target, connections: int, seconds: int) -> Load:
    taken: list[float] = []
    errors: list[str] = []
    numbers = count(1)
    end = perf_counter() + seconds

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        while (started := perf_counter()) < end:
            writer.write(_request(target, next(numbers)))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            taken.append(perf_counter() - started)
            if not head.startswith(b"HTTP/1.1 2"):
                errors.append(head[:15].decode())
        writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    hundredths = [1000 * share for share in quantiles(taken, n=100)]
    return Load(len(taken) / seconds, hundredths[49], hundredths[98], len(errors))


def _request(target: Target, number: int) -> bytes:
    body = target.body.replace(MARK, f"{number:0{DIGITS}}").encode()
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {target.token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
