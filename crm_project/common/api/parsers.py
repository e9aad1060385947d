"""Read JSON that PostgreSQL can store, of a bounded size and depth, or say what is wrong."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework import exceptions, parsers, status

MAX_DEPTH = 20
_MAX_INT_DIGITS = 100


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


class StrictJSONParser(parsers.JSONParser):
    """UTF-8 JSON without NUL characters, lone surrogates, NaN, infinity or endless nesting."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        raw = self._read(stream)
        try:
            value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        except RecursionError as error:
            raise exceptions.ParseError(_TOO_DEEP) from error
        except UnicodeDecodeError as error:
            raise exceptions.ParseError("The body is not valid UTF-8.") from error
        except ValueError as error:
            raise exceptions.ParseError(f"The body is not valid JSON: {error}") from error
        check_storable(value)
        return value

    def _read(self, stream: IO[Any]) -> bytes:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw: bytes = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge(f"The body is larger than {limit} bytes.")
        return raw


_TOO_DEEP = f"The JSON is nested deeper than {MAX_DEPTH} levels."


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number.")


def check_storable(value: Any, depth: int = 0) -> None:
    """Raise ParseError where a value cannot be kept in PostgreSQL's text or jsonb."""
    if depth > MAX_DEPTH:
        raise exceptions.ParseError(_TOO_DEEP)
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_text(key)
            check_storable(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            check_storable(inner, depth + 1)
    elif _too_large(value):
        raise exceptions.ParseError("A number is too large.")


def _too_large(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, int) and abs(value) >= 10**_MAX_INT_DIGITS


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise exceptions.ParseError("NUL characters are not allowed.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise exceptions.ParseError("The text holds half a surrogate pair.") from error
