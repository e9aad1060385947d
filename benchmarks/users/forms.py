"""What a browser would send for a form, read from the page. Used in locust's environment, too."""

from html.parser import HTMLParser

_NOT_SENT = {"submit", "button", "image", "reset", "file"}
_TICKED = {"checkbox", "radio"}


def fields(page: str, form: str) -> dict[str, str]:
    """Return names and values of the form with that id, as they stand in the page.

    >>> fields('<form id="a"><input name="x" value="1"><input type="radio" name="y"></form>', "a")
    {'x': '1'}
    """
    reader = _Reader(form)
    reader.feed(page)
    return reader.found


class _Reader(HTMLParser):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._form = form
        self._inside = False
        self._select = ""
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("id") == self._form
        elif self._inside and tag == "option":
            self._option(given)
        elif self._inside and given.get("name"):
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        name, kind = given["name"], given.get("type", "text")
        if tag == "input" and kind not in _NOT_SENT and (kind not in _TICKED or "checked" in given):
            self.found[name] = given.get("value", "on" if kind in _TICKED else "")
        elif tag == "textarea":
            self._text, self.found[name] = name, ""
        elif tag == "select":
            self._select = name

    def _option(self, given: dict[str, str]) -> None:
        # Of a list in which nothing is chosen, a browser shows and sends the first line.
        if self._select and ("selected" in given or self._select not in self.found):
            self.found[self._select] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._text:
            self.found[self._text] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            # A browser leaves out the line's end that stands first.
            if self._text:
                self.found[self._text] = self.found[self._text].removeprefix("\n")
            self._text = ""
