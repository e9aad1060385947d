"""A line between two programs that can be cut: what is sent then arrives nowhere, in silence."""

import asyncio
import contextlib
import signal
import sys

from tests.proofs.programs import Program, accepts, free_port, send


class Line:
    """Forwards connections to ``target``, a port of this machine, from ``port`` until ``cut``."""

    def __init__(self, target, log):
        self.port = free_port()
        command = [sys.executable, "-m", "tests.proofs.lines", self.port, target]
        self.program = Program(command, log=log)
        self.program.wait_for(lambda: accepts(self.port))

    def cut(self):
        """Stop where it is: it takes nothing more and gives nothing on."""
        send(self.program.pid, signal.SIGSTOP)

    def mend(self):
        send(self.program.pid, signal.SIGCONT)

    def close(self):
        self.program.kill()


async def forward(port, target):
    """Serve until killed."""

    async def connected(reader, writer):
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


async def pump(reader, writer):
    with contextlib.suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(forward(*map(int, sys.argv[1:])))
