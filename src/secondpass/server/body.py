"""A request's body: reading its fields with messages that name the field and never what was in it.

Knows JSON and what documents may look like; no dialect. A null is the same as an absent field, everywhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from secondpass.server.problem import Refused
from secondpass.types import AnyDocument, Document, text_of


def parse(raw: bytes) -> Mapping[str, Any]:
    """The JSON object in `raw`. Raises `Refused`."""
    try:
        body = json.loads(raw, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError as error:
        raise Refused("The body is nested too deeply: send plain documents.") from error
    except ValueError as error:  # not UTF-8, not JSON, or a number too long to read
        raise Refused(f"The body is no JSON ({type(error).__name__}): send one JSON object in UTF-8.") from error
    if not isinstance(body, dict):
        raise Refused(f"The body is a {_kind(body)}: send one JSON object.")
    return body


def dump(body: Any) -> bytes:
    """JSON in UTF-8; half a surrogate pair, which UTF-8 cannot hold, as the escape that it came in as."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace"
    )


class Body:
    """A mapping of a request, at `place` in it. Every method takes names of one field, the customary one first."""

    def __init__(self, given: Mapping[str, Any], place: str = "") -> None:
        self._given = given
        self._place = place

    def get(self, *names: str) -> Any:
        """The first of these that is there and not null; None where none is."""
        return next((self._given[name] for name in names if self._given.get(name) is not None), None)

    def text(self, *names: str) -> str | None:
        """A string."""
        value = self.get(*names)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(names[0], value, "a string")

    def query(self, *names: str) -> str:
        """A query: a string, or an object with a `text` or with parts of text; it has to be there."""
        value = self.get(*names)
        if value is None:
            raise self._missing(names[0])
        return self._query(value, names[0])

    def queries(self, *names: str) -> list[str]:
        """One query, or a list of them."""
        value = self.get(*names)
        if isinstance(value, list):
            return [self._query(one, f"{names[0]}[{at}]") for at, one in enumerate(value)]
        return [self.query(*names)]

    def flag(self, *names: str, default: bool = False) -> bool:
        """True or false."""
        value = self.get(*names)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        raise self._wrong(names[0], value, "true or false")

    def integer(self, *names: str) -> int | None:
        """A whole number, written as one or with a fraction of zero."""
        value = self.get(*names)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self._wrong(names[0], value, "a whole number")

    def number(self, *names: str) -> float | None:
        """A number."""
        value = self.get(*names)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
            raise self._wrong(names[0], value, "a number")
        return float(value)

    def cutoff(self, *names: str, zero: bool, negative: bool = False) -> int | None:
        """How many results are wanted; None for all, which `zero` and `negative` say that those mean."""
        value = self.integer(*names)
        if value is None or value > 0:
            return value
        if (value == 0 and zero) or (value < 0 and negative):
            return None
        least = "0 or more" if zero else "1 or more"
        raise Refused(f"{self._place}{names[0]}={value}: give {least}, or leave it out for all.", names[0])

    def strings(self, *names: str) -> tuple[str, ...]:
        """A list of strings; empty where there is none."""
        value = self.get(*names)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise self._wrong(names[0], value, "a list of strings")

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of the `allowed` words."""
        value = self.get(name)
        if value is None:
            return default
        if value not in allowed:
            raise Refused(f"{self._place}{name}: choose one of {', '.join(allowed)}.", name)
        return str(value)

    def inner(self, name: str) -> Body:
        """The object in a field; empty where there is none."""
        value = self.get(name)
        if value is not None and not isinstance(value, dict):
            raise self._wrong(name, value, "an object")
        return Body(value or {}, f"{self._place}{name}.")

    def items(self, *names: str, single: bool = False) -> list[Any]:
        """A list with something in it; `single`: one that stands alone is a list too."""
        value = self.get(*names)
        if value is None:
            raise self._missing(names[0])
        if single and not isinstance(value, list):
            return [value]
        if not isinstance(value, list):
            raise self._wrong(names[0], value, "a list")
        if not value:
            raise Refused(f"{self._place}{names[0]} is an empty list: give at least one document.", names[0])
        return value

    def documents(self, *names: str, fields: Sequence[str] = (), single: bool = False) -> tuple[AnyDocument, ...]:
        """Documents: strings, or objects of which `fields` are read, or what is usual where none are named."""
        given = self.items(*names, single=single)
        return tuple(_document(one, f"{self._place}{names[0]}[{at}]", fields) for at, one in enumerate(given))

    def _query(self, value: Any, name: str) -> str:
        text = value if isinstance(value, str) else _text_in(value)
        if text is None:
            raise self._wrong(name, value, "a string")
        if not text.strip():
            raise Refused(f"{self._place}{name} is blank: say what to look for.", name)
        return text

    def _missing(self, name: str) -> Refused:
        return Refused(f"{self._place}{name} is missing.", name)

    def _wrong(self, name: str, value: Any, wanted: str) -> Refused:
        return Refused(f"{self._place}{name} is a {_kind(value)}: give {wanted}.", name)


def _document(given: Any, place: str, fields: Sequence[str]) -> AnyDocument:
    if isinstance(given, str):
        return given
    if not isinstance(given, dict):
        raise Refused(f"{place} is a {_kind(given)}: give a string or an object.", place)
    if fields:
        found = [given[name] for name in fields if given.get(name) is not None]
        if not found:
            raise Refused(f"{place} has none of the rank_fields.", place)
        parts = (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in found)
        return Document("\n".join(parts), metadata=given)
    parts_text = _text_in(given) if "content" in given and not isinstance(given["content"], str) else None
    if parts_text is not None:
        return parts_text
    if text_of(given) is None and ("image" in given or "image_url" in given):
        raise Refused(f"{place} is an image: this server ranks texts.", place)
    return given


def _text_in(value: Any) -> str | None:
    """The text of `{"text": ...}`, or of `{"content": [{"type": "text", "text": ...}]}`."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("text"), str):
        return str(value["text"])
    parts = value.get("content")
    if isinstance(parts, str):
        return parts
    if not isinstance(parts, list):
        return None
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "\n".join(texts) if texts else None


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "list", dict: "object"}
    return kinds.get(type(value), "null")


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number too large")
    return value
