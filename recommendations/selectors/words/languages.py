"""Which languages explanations exist in, and how to speak one of them for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.utils import translation

ENGLISH = "en"


def languages() -> tuple[str, ...]:
    """Return the codes of the languages that explanations exist in, like ``("en", "fr")``."""
    return tuple(sorted({code.partition("-")[0] for code, _ in settings.LANGUAGES}))


@contextmanager
def spoken(language: str | None) -> Iterator[None]:
    """Speak this language inside the block; None: the reader's, which is active already.

    English is spoken with the dates and numbers of ``CRM_LANGUAGE`` where that is English too, so
    that a British shop reads "9 Nov 2011".
    """
    code = language or translation.get_language() or settings.LANGUAGE_CODE
    if code.partition("-")[0] == ENGLISH and settings.LANGUAGE_CODE.startswith(ENGLISH):
        code = settings.LANGUAGE_CODE
    with translation.override(code):
        yield
