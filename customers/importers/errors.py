"""Why a file or a line is not taken: always a sentence that a person can act on."""

from dataclasses import dataclass

from crm_project.common.exceptions import CrmError


class InputError(CrmError):
    """The file as a whole cannot be imported."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one line is refused: a code for counting, words for reading."""

    code: str
    words: str


class Refused(ValueError):  # noqa: N818 - a verdict on a line, not a programming error
    """Raised by the parsers of single values."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.reason = Reason(code, words)
