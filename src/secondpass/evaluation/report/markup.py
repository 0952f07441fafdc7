"""HTML and SVG elements whose text is escaped unless it is markup already. Knows neither pages nor numbers."""

from __future__ import annotations

import re
from html import escape

_NEVER_CLOSED = frozenset({"meta", "br"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0-\ufdef\ufffe\uffff]")


class Markup(str):
    """What may stand in a page as it is."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | float) -> Markup:
    """An element; every child that is no `Markup` is escaped, and so are attributes.

    `class_` is `class`, and an underscore inside a name is a hyphen. Numbers are written with one decimal.
    """
    told = "".join(f' {_attribute(key)}="{text(_written(value))}"' for key, value in attributes.items())
    if name in _NEVER_CLOSED:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """Children one after the other, escaped as in `tag`."""
    return Markup("".join(child if isinstance(child, Markup) else text(child) for child in children))


def text(given: str) -> Markup:
    """Any string, such as a user's, as markup that shows it; what no page may contain is replaced."""
    clean = _CONTROL.sub("\ufffd", given).encode("utf-8", "replace").decode("utf-8")
    return Markup(escape(clean))


def shortened(given: str, length: int) -> str:
    """The text on one line, cut to `length` characters with an ellipsis."""
    line = " ".join(given[: 4 * length].split())
    return line if len(line) <= length and len(given) <= 4 * length else line[: length - 1] + "…"


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
