"""The way of a dump's bytes: zstd, then age, then a SHA-256 over what is stored; and back.

Nothing is held in memory but a few blocks. What is stored can be opened without this program:
``age -d -i key FILE | zstd -d | pg_restore …``.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyrage
import zstandard
from pyrage import x25519

from crm_project.backup.errors import DamagedError, WrongKeyError
from crm_project.backup.targets import Readable, Upload

BLOCK = 1024 * 1024
LEVEL = 3
"""zstd's own default: higher levels cost many times the processor for a few percent."""

Told = Callable[[int], None]
"""Is told the bytes of the dump so far; may raise to end the work."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Whom backups are encrypted for, and the secret key that opens them.

    Attributes:
        identity: age secret keys, ``AGE-SECRET-KEY-1…``, in lines or separated by commas, such as a
            file of age-keygen; empty: nothing can be opened.
        recipients: public age keys, ``age1…``; empty: the public part of the first ``identity``.
    """

    identity: str = ""
    recipients: tuple[str, ...] = ()

    def public(self) -> list[str]:
        """Return the public keys that new backups are encrypted for; empty: they are not."""
        if self.recipients or not self.identity:
            return list(self.recipients)
        return [str(self.secrets()[0].to_public())]

    def secrets(self) -> list[Any]:
        """Return the secret keys, the newest first. Raises ``WrongKeyError`` where one is none."""
        lines = (line.partition("#")[0] for line in self.identity.splitlines())
        given = " ".join(lines).replace(",", " ").split()
        try:
            return [x25519.Identity.from_str(key) for key in given or [""]]
        except pyrage.IdentityError as error:
            raise WrongKeyError(
                "CRM_BACKUP_KEY is no age secret key. One begins with AGE-SECRET-KEY-1; make one "
                "with: manage.py backup key"
            ) from error

    def addressees(self) -> list[Any]:
        """Return ``public`` as the library wants it. Raises ``WrongKeyError``."""
        try:
            return [x25519.Recipient.from_str(key.strip()) for key in self.public()]
        except pyrage.RecipientError as error:
            raise WrongKeyError(
                "CRM_BACKUP_RECIPIENTS holds something that is no public age key (age1…)."
            ) from error


def new_key() -> tuple[str, str]:
    """Return a new secret key and its public part."""
    key = x25519.Identity.generate()
    return str(key), str(key.to_public())


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written: bytes of the dump, bytes of the file, and the file's SHA-256."""

    dump_bytes: int
    file_bytes: int
    sha256: str


class _Source:
    """The dump as it is read: counted, and with its errors kept whole."""

    def __init__(self, stream: Readable, told: Told) -> None:
        self._stream = stream
        self._told = told
        self.bytes = 0
        self.error: BaseException | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            data = self._stream.read(size)
            self.bytes += len(data)
            self._told(self.bytes)
        except BaseException as error:
            self.error = error
            raise
        return data


class _Sink:
    """Where packed bytes go: counted, hashed, and with its errors kept whole."""

    def __init__(self, upload: Upload | BinaryIO) -> None:
        self._upload = upload
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.error: BaseException | None = None

    def write(self, data: bytes, /) -> int:
        try:
            self._upload.write(data)
        except BaseException as error:
            self.error = error
            raise
        self._hash.update(data)
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing to do: the upload is told when all is written."""

    def digest(self) -> str:
        return self._hash.hexdigest()


def pack(stream: Readable, upload: Upload, addressees: Sequence[Any], told: Told) -> Packed:
    """Read a dump to its end, and write it compressed and, with addressees, encrypted.

    Errors of ``stream``, ``upload`` and ``told`` come out as they are.
    """
    source, sink = _Source(stream, told), _Sink(upload)
    compressor = zstandard.ZstdCompressor(level=LEVEL, threads=-1, write_checksum=True)
    # The stubs want a file; anything with `read` will do.
    packed: Any = compressor.stream_reader(source, read_size=BLOCK)  # type: ignore[arg-type]
    try:
        if addressees:
            pyrage.encrypt_io(_Blocks(packed), sink, list(addressees))
        else:
            while block := packed.read(BLOCK):
                sink.write(block)
    except BaseException as error:
        # Through the library they come as its own, without their kind.
        raise (source.error or sink.error or error) from None
    return Packed(source.bytes, sink.bytes, sink.digest())


class _Blocks:
    """Hands out small pieces of large blocks: the library asks for 8 KiB at a time."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._block = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        if not self._block:
            self._block = memoryview(self._stream.read(BLOCK))
        piece, self._block = self._block[:size], self._block[size:]
        return bytes(piece)


class _Hashed:
    """A stored file as it is read, hashed on the way."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.error: BaseException | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            data = self._stream.read(size)
        except BaseException as error:
            self.error = error
            raise
        self._hash.update(data)
        return data

    def digest(self) -> str:
        while self.read(BLOCK):
            pass
        return self._hash.hexdigest()


def unpack(
    stream: Readable, out: BinaryIO | None, *, sha256: str, encrypted: bool, keys: Keys
) -> int:
    """Write the dump of a stored file to ``out``; return its bytes.

    Args:
        out: None: only check the file against its SHA-256.

    Raises:
        DamagedError: the file is not the one of the manifest. ``out`` is then of no use.
        WrongKeyError: the key does not open it, or there is none.
    """
    identities = _needed(keys) if encrypted and out is not None else []
    hashed = _Hashed(stream)
    sink = _Sink(out) if out is not None else None
    trouble: BaseException | None = None
    if sink is not None:
        try:
            _open(hashed, sink, identities)
        except BaseException as error:
            trouble = hashed.error or sink.error or error
            if trouble in (hashed.error, sink.error) or not isinstance(error, Exception):
                raise trouble from None
    if (found := hashed.digest()) != sha256:
        raise DamagedError(
            f"The file is damaged: its SHA-256 is {found[:16]}…, the manifest says "
            f"{sha256[:16]}…. It was not used."
        )
    if isinstance(trouble, pyrage.DecryptError):
        raise WrongKeyError(
            'CRM_BACKUP_KEY is not the key of this backup. The manifest\'s "recipients" says '
            "whose it is."
        )
    if trouble is not None:
        raise DamagedError("The file is as it was written, but cannot be unpacked.") from trouble
    return sink.bytes if sink is not None else 0


def _needed(keys: Keys) -> list[Any]:
    if not keys.identity:
        raise WrongKeyError(
            "This backup is encrypted. Set CRM_BACKUP_KEY (or CRM_BACKUP_KEY_FILE) to its age "
            "secret key."
        )
    return keys.secrets()


def _open(stream: Readable, sink: _Sink, identities: list[Any]) -> None:
    """Decrypt and decompress a whole file."""
    # `closefd`: what was asked for stays open; a frame that ends early is an error below.
    opened = _Frame(sink)
    if identities:
        pyrage.decrypt_io(_Blocks(stream), opened, identities)
    else:
        while block := stream.read(BLOCK):
            opened.write(block)
    opened.end()


class _Frame:
    """A zstd frame that must end where its bytes end."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._opener = zstandard.ZstdDecompressor().decompressobj()

    def write(self, data: bytes, /) -> int:
        self._sink.write(self._opener.decompress(bytes(data)))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def end(self) -> None:
        if not self._opener.eof:
            raise DamagedError("The file ends before its time.")
