"""A real S3 server: it checks keys, keeps locks, and may be killed."""

import json
import signal
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from crm_project.backup import bucket
from crm_project.backup.targets import S3Options, open_target
from tests.proofs.programs import Program, accepts, free_port

KEY, SECRET = "backup-writer", "a-secret-of-the-tests"
USERS = {
    "identities": [
        {
            "name": "writer",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ]
}
WEED = Path(sys.executable).parent / "weed"


class Service:
    """SeaweedFS on ports and in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir()
        users = folder / "users.json"
        users.write_text(json.dumps(USERS))
        port = free_port()
        self.port = port
        self.options = S3Options(f"http://127.0.0.1:{port}", KEY, SECRET)
        self.key, self.secret = KEY, SECRET
        self.command = [
            *(WEED, "server", f"-dir={folder}", "-ip=127.0.0.1", "-s3", f"-s3.port={port}"),
            *(f"-s3.config={users}", "-volume.max=20", "-master.volumeSizeLimitMB=64"),
            *(f"-{name}.port={free_port()}" for name in ("master", "volume", "filer")),
            # By itself it adds 10,000: there the kernel's own connections have theirs.
            *(f"-{name}.port.grpc={free_port()}" for name in ("master", "volume", "filer", "s3")),
        ]
        self.program = None

    def start(self):
        self.program = Program(self.command, log=self.folder / "log", dying=signal.SIGKILL)
        self.program.wait_for(lambda: accepts(self.port) and self.answers(), seconds=120)
        return self

    def answers(self):
        try:
            self.client().list_buckets()
        except (ClientError, BotoCoreError, OSError):
            return False
        return True

    def client(self):
        return bucket._client(self.options)

    def make(self, name, **options):
        self.client().create_bucket(Bucket=name, **options)

    def target(self, secret=SECRET, name="backups", lock_days=0):
        options = S3Options(self.options.endpoint, KEY, secret, lock_days=lock_days)
        return open_target(f"s3://{name}/crm", options)
