import socket
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm_project.common.supervisor import Supervisor, server_commands


class Command(BaseCommand):
    help = "Serve the admin and the API with workers and the scheduler, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument("--port", type=int, default=8000, help="Port to listen on.")

        parser.add_argument(
            "--visits", type=float, metavar="N", help="Also make N signals a second, for a demo."
        )

    def handle(self, *, host: str, port: int, visits: float | None = None, **options: Any) -> None:
        _refuse_taken(host, port)
        self.stdout.write(
            f"Admin: http://{host}:{port}/admin/   API: http://{host}:{port}/api/docs/"
        )
        self.stdout.write("Ctrl-C ends everything.")
        commands = server_commands(host=host, port=port, visits=visits)
        code = Supervisor(commands=commands, say=self._say).run()
        if code:
            raise CommandError("A part of the server ended; its last lines stand above.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _refuse_taken(host: str, port: int) -> None:
    """Say in words what several processes would otherwise say in tracebacks."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"{host}:{port} cannot be used ({error.strerror}); choose another with --port."
            ) from error
