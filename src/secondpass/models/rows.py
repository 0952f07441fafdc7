"""Tables of recipes in TOML: rows by name, one of which may build on another. Knows nothing of what the fields mean."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

_BASE = "same_as"


def read_rows(package: str, file: str) -> Mapping[str, Mapping[str, Any]]:
    """The rows of a file of `package`, in its order. A row with `same_as` has all that it does not say from that row,
    which stands by itself."""
    rows = tomllib.loads(files(package).joinpath(file).read_text(encoding="utf-8"))
    return {
        name: {field: value for field, value in {**rows.get(row.get(_BASE), {}), **row}.items() if field != _BASE}
        for name, row in rows.items()
    }
