"""Files that are being uploaded lie where uploads lie: there is room for them."""

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler

PREFIX, SUFFIX = "upload-", ".part"
"""What such a file is called; one that a killed process left is removed by the nightly tidying."""


class BesideUploads(TemporaryUploadedFile):
    """A file in the folder of uploads that is gone when it is closed.

    The system's folder for temporary files may be memory, or a small volume whose limit
    ends the whole pod.
    """

    def __init__(self, name: str | None, content_type: str | None, charset: str | None) -> None:
        folder = Path(settings.CRM_UPLOAD_DIR)
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed with the upload
            prefix=PREFIX, suffix=SUFFIX, dir=folder
        )
        UploadedFile.__init__(self, file, name, content_type, 0, charset)


class UploadHandler(TemporaryFileUploadHandler):
    """Keeps what is too large for memory beside the uploads."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super(TemporaryFileUploadHandler, self).new_file(*args, **kwargs)
        self.file = BesideUploads(self.file_name, self.content_type, self.charset)
