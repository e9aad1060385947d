"""Cut text into physical lines, none longer than a megabyte, in fixed memory."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from customers.importers.errors import InputError
from customers.importers.files import DEFAULT_UNPACKED_LIMIT, FileFacts, blocks

LINE_LIMIT = 1 << 20
KEPT_OF_LONG_LINE = 2000


class TooLong(str):
    """The beginning of a line that was longer than ``LINE_LIMIT`` characters."""

    __slots__ = ()


def line_blocks(
    path: Path, facts: FileFacts, *, limit: int = DEFAULT_UNPACKED_LIMIT
) -> Iterator[list[str]]:
    """Yield lists of lines without their line feed; a ``TooLong`` line comes alone in its list.

    Raises:
        InputError: bytes that the encoding does not know (never with a guessed encoding).
    """
    decoder = codecs.getincrementaldecoder(facts.encoding)()
    carry, dropping, number = "", False, 0
    for block in _with_end(blocks(path, limit=limit)):
        text = _decode(decoder, block, number)
        lines = (carry + text).split(facts.newline)
        carry = lines.pop()
        if dropping and lines:
            # The rest of the long line ends here.
            lines.pop(0)
            dropping = False
        if dropping:
            carry = ""
        number += len(lines)
        if lines and len(lines[0]) > LINE_LIMIT:
            yield [TooLong(lines.pop(0)[:KEPT_OF_LONG_LINE])]
        if lines:
            yield lines
        if len(carry) > LINE_LIMIT:
            yield [TooLong(carry[:KEPT_OF_LONG_LINE])]
            carry, dropping = "", True
    if carry:
        yield [carry]


def _with_end(source: Iterator[bytes]) -> Iterator[bytes]:
    yield from source
    yield b""


def _decode(decoder: codecs.IncrementalDecoder, block: bytes, number: int) -> str:
    try:
        return decoder.decode(block, final=not block)
    except UnicodeDecodeError as error:
        raise InputError(
            f"After line {number:,} the file is not {error.encoding}: {error.reason}."
        ) from error
    except UnicodeError as error:
        raise InputError(f"The file is not in the encoding that was given: {error}.") from error
