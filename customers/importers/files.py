"""Read a stored file as blocks of bytes, whatever it is packed in, in fixed memory.

The packing is recognised by the first bytes, not by the name. Nothing here trusts the file: what
it unpacks to is limited, and so is the memory that unpacking may ask for.
"""

import codecs
import gzip
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from customers.importers.errors import InputError

BLOCK = 1 << 18
XZ_MEMORY = 256 << 20
DEFAULT_UNPACKED_LIMIT = 16 << 30
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (b"\xfe\xff", "utf-16"))
# Bytes that Windows-1252 does not define: a file that holds one is Latin-1.
_NOT_CP1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
_NOT_TEXT = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"BZh", "packed with bzip2"),
    (b"\x28\xb5\x2f\xfd", "packed with zstandard"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"SQLite format 3", "an SQLite database"),
)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one look at the whole file told: how to read it and how long it is."""

    encoding: str
    newline: str
    lines: int


def blocks(path: Path, *, limit: int = DEFAULT_UNPACKED_LIMIT) -> Iterator[bytes]:
    """Yield the unpacked content in blocks of at most ``BLOCK`` bytes.

    Raises:
        InputError: the archive is broken or cut off, or unpacks to more than ``limit`` bytes.
    """
    total = 0
    try:
        with path.open("rb") as file:
            for block in _unpacked(file):
                total += len(block)
                if total > limit:
                    raise InputError(
                        f"The file unpacks to more than {limit:,} bytes, the most that is taken."
                    )
                yield block
    except FileNotFoundError as error:
        raise InputError("The stored file is gone. Import the file again.") from error
    except EOFError as error:
        raise InputError("The packed file ends too early: it was cut off on its way.") from error
    except (gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"The packed file is damaged ({error}).") from error


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=file) as packed:
            yield from iter(lambda: packed.read(BLOCK), b"")
    elif magic.startswith(b"\xfd7zXZ\x00"):
        yield from _unpacked_xz(file)
    else:
        yield from iter(lambda: file.read(BLOCK), b"")


def _unpacked_xz(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of one or more xz streams; ``lzma.open`` knows no memory limit."""
    data = file.read(BLOCK)
    while data:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
        while not decoder.eof:
            if decoder.needs_input and not data:
                data = file.read(BLOCK)
                if not data:
                    raise EOFError
            if block := decoder.decompress(data, max_length=BLOCK):
                yield block
            data = b""
        # Zeros may stand between two streams.
        data = decoder.unused_data.lstrip(b"\0") or file.read(BLOCK).lstrip(b"\0")


def inspect(path: Path, *, encoding: str = "", limit: int = DEFAULT_UNPACKED_LIMIT) -> FileFacts:
    """Read the file once and tell its encoding, its line ends and its number of lines.

    Args:
        encoding: given by a person; it is then only checked that Python knows it.
        limit: unpacked bytes above which the file is refused.

    Raises:
        InputError: the file is empty, not text, or in an unknown encoding.
    """
    utf8, cp1252, feeds, returns, first = True, True, 0, 0, b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for block in blocks(path, limit=limit):
        if not first:
            first = block
            _refuse_binary(first, encoding)
        feeds += block.count(b"\n")
        returns += block.count(b"\r")
        utf8 = utf8 and _decodes(decoder, block)
        cp1252 = cp1252 and not any(byte in block for byte in _NOT_CP1252)
    if not first.strip(b"\r\n\t \xef\xbb\xbf"):
        raise InputError("The file is empty.")
    utf8 = utf8 and _decodes(decoder, b"", final=True)
    return FileFacts(
        encoding=_known(encoding) if encoding else _guess(first, utf8=utf8, cp1252=cp1252),
        newline="\n" if feeds or not returns else "\r",
        lines=max(feeds, 1) if feeds else returns + 1,
    )


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_binary(first: bytes, encoding: str) -> None:
    for magic, what in _NOT_TEXT:
        if first.startswith(magic):
            raise InputError(f"The file is {what}. Save it as CSV and import that.")
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    if encoding and _known(encoding).startswith(("utf-16", "utf-32")):
        return
    header = first.split(b"\n", 1)[0][:4096]
    strange = sum(first[:65536].count(bytes([code])) for code in (*range(9), *range(14, 32)))
    if b"\0" in header or strange > len(first[:65536]) // 20:
        raise InputError("The file is not text. Save it as CSV (UTF-8) and import that.")


def _known(encoding: str) -> str:
    """Return Python's name of an encoding of text that can be read in blocks."""
    try:
        # Only encodings of text do this; "hex" and "zip" are codecs, too.
        b"a".decode(encoding, "replace")
        codecs.getincrementaldecoder(encoding)()
        return codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise InputError(f"The encoding {encoding[:40]!r} is not known.") from error


def _guess(first: bytes, *, utf8: bool, cp1252: bool) -> str:
    for bom, name in _BOMS:
        if first.startswith(bom):
            return name
    if utf8:
        return "utf-8"
    return "cp1252" if cp1252 else "latin-1"
