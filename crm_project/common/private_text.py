"""Find and take out what would tell who a person is: e-mail addresses, phone numbers, known names.

It errs on the side of taking out too much: a run of seven digits counts as a phone number, and so
does a pair of vintages like 2018/2019. A name that nobody gave cannot be found.
"""

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

# From the start of a run of non-blanks only, so that long text costs linear time.
_EMAIL = re.compile(r"(?<!\S)\S*\s?(?:@|\(at\)|\[at\])\s?\S*", re.IGNORECASE)
_PHONE = re.compile(r"\+?\(?\d(?:[\s().\-/\u2010-\u2015]{0,3}\d){6,}")
_WORD = re.compile(r"[^\W_]+")


def has_contact(text: str) -> bool:
    """Tell whether anything in the text looks like an e-mail address or a phone number.

    >>> has_contact("mostly Riesling, 10-20"), has_contact("call 0151 123 45 67")
    (False, True)
    """
    plain = unicodedata.normalize("NFKC", text)
    return bool(_EMAIL.search(plain) or _PHONE.search(plain))


def without_contacts(text: str) -> str:
    """Take e-mail addresses and phone numbers out, and runs of blanks together.

    >>> without_contacts("likes  port, anna@example.com, +49 30 1234567")
    'likes port,'
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    # What stood apart may look like a number once the middle is gone.
    while _EMAIL.search(plain) or _PHONE.search(plain):
        plain = " ".join(_PHONE.sub(" ", _EMAIL.sub(" ", plain)).split())
    return plain


def folded(word: str) -> str:
    """Write a word the same way whatever its case and accents.

    >>> folded("MÜLLER") == folded("Muller"), folded("Straße") == folded("STRASSE")
    (True, True)
    """
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def words_of(names: Collection[str]) -> frozenset[str]:
    """Cut names into folded words: 'Anna-Lena Müller' is known by each of its three words."""
    return frozenset(word for name in names for word in _WORD.findall(folded(name)))


def without_private(text: str, names: Collection[str] = ()) -> str:
    """Take out e-mail addresses, phone numbers and every word of the given names.

    >>> without_private("Mrs. MULLER likes dry wine, a.m@example.com", ["Anna Müller"])
    'Mrs. likes dry wine,'
    """
    known = words_of(names)
    plain = unicodedata.normalize("NFC", without_contacts(text))
    if known:
        plain = _WORD.sub(lambda word: _unless_known(word.group(), known), plain)
    return without_contacts(plain)


def without_full_name(text: str, name: str) -> str:
    """Take out the words of a name of several words, where the text holds all of them.

    One word alone may be anything ("Rose", "Port"); first and last name together are somebody.

    >>> without_full_name("Glass engraved for Müller, Anna", "Anna Muller")
    'Glass engraved for ,'
    >>> without_full_name("Rose lamp", "Rose Smith")
    'Rose lamp'
    """
    known = _words_of_name(name)
    if len(known) < 2 or not known <= _words_of_text(text):
        return text
    plain = unicodedata.normalize("NFC", text)
    return " ".join(_WORD.sub(lambda word: _unless_known(word.group(), known), plain).split())


@lru_cache(maxsize=50_000)
def _words_of_text(text: str) -> frozenset[str]:
    return words_of([text])


@lru_cache(maxsize=1_000)
def _words_of_name(name: str) -> frozenset[str]:
    """Return the words that are no initials; kept for the few labels of one customer."""
    return frozenset(word for word in words_of([name]) if len(word) > 1)


def _unless_known(word: str, known: frozenset[str]) -> str:
    """Return the word, or a blank if folding it gives a known word, or a part that is one."""
    return " " if not known.isdisjoint(_WORD.findall(folded(word))) else word
