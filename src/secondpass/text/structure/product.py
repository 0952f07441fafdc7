"""Products of a shop: the name first, then brand and category, then what is said of it, then the rest."""

from __future__ import annotations

from collections.abc import Mapping

from secondpass.text.lines import lines_of
from secondpass.text.structure.kind import Record

_NAMES = ("name", "title", "product_name", "product_title")
_MARKS = ("price", "brand", "sku", "gtin", "ean", "upc", "asin", "mpn", "manufacturer")
_FIRST = ("brand", "manufacturer", "category", "categories", "color", "colour", "size", "description", "features")
_LAST = ("id", "sku", "gtin", "ean", "upc", "asin", "mpn", "url", "link", "image", "images")
"""Numbers and addresses: a shopper who knows them still finds them, but they cost the others nothing."""


def is_product(value: Record) -> bool:
    """Whether a record has a name or a title, and something that only what is sold has."""
    if not isinstance(value, Mapping):
        return False
    keys = {str(key).lower() for key in value if value[key]}
    return not keys.isdisjoint(_NAMES) and not keys.isdisjoint(_MARKS)


def render_product(value: Record) -> str:
    """The name as a line of its own, then `key: value` lines."""
    assert isinstance(value, Mapping)
    lower: dict[str, object] = {}
    for key in value:
        lower.setdefault(str(key).lower(), key)
    named = next(lower[name] for name in _NAMES if name in lower and value[lower[name]])
    first = [lower[key] for key in _FIRST if key in lower]
    last = [lower[key] for key in _LAST if key in lower]
    others = [key for key in value if key not in (named, *first, *last)]
    ordered = {key: value[key] for key in (*first, *others, *last)}
    return "\n".join([str(value[named]), *lines_of(ordered)])
