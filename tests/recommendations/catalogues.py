"""Read catalogues of translations, and find the messages that the code asks for."""

import ast
import gettext
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = ROOT / "recommendations"
# Name of the function → places of context, message and plural among its arguments.
CALLS = {
    "_": (None, 0, None),
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
}


def asked_for():
    """Return ``{(context, message): plural}`` of every message in the code of the app."""
    found = {}
    for path in sorted(APP.rglob("*.py")):
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                places = CALLS.get(node.func.id)
                texts = [getattr(one, "value", None) for one in node.args]
                if places and isinstance(texts[places[1]], str):
                    context, message, plural = (
                        None if place is None else texts[place] for place in places
                    )
                    found[context, message] = plural
    return found


def read_po(language):
    """Return the header and ``{(context, message): (plural, [texts])}`` of a .po file."""
    entries, entry, field = {}, {}, ""
    lines = (folder(language) / "django.po").read_text(encoding="utf-8").splitlines()
    for line in [*lines, ""]:
        if line.startswith("#"):
            assert "fuzzy" not in line, f"{language}: {line}"
            continue
        if not line.strip():
            if entry:
                texts = [text for name, text in sorted(entry.items()) if name.startswith("msgstr")]
                key = entry.get("msgctxt"), entry["msgid"]
                assert key not in entries, key
                entries[key] = entry.get("msgid_plural"), texts
            entry = {}
            continue
        if not line.startswith('"'):
            field, _, line = line.partition(" ")
        entry[field] = entry.get(field, "") + ast.literal_eval(line)
    _, header = entries.pop((None, ""))
    return dict(line.split(": ", 1) for line in header[0].splitlines()), entries


def read_mo(language):
    with (folder(language) / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def folder(language):
    return APP / "locale" / language / "LC_MESSAGES"
