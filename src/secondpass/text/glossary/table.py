"""The table of words: a row a concept, a column a language, forms of one word separated by "|".

Knows rows and columns; how words are inflected and found is the lexicon's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from secondpass.errors import InputError

COLUMNS = ("en", "de", "es", "fr", "it", "pt", "zh", "ja")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells by column; every row has a cell for "en"."""

    rows: Sequence[Mapping[str, str]]

    @classmethod
    def read(cls, path: Path) -> Table:
        """A table in a file of tab-separated values with a line of column names. Raises `InputError`."""
        try:
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"glossary={str(path)!r} cannot be read ({error}): give a file in UTF-8.") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str) -> Table:
        """The same from its text. Raises `InputError` with `name` in it."""
        lines = text.splitlines()
        columns = lines[0].split("\t") if lines else []
        wrong = [column for column in columns if column not in COLUMNS]
        if wrong or "en" not in columns or len(columns) < 2:
            raise InputError(
                f"{name} begins with the columns {columns}: separate them by tabs, en and any of "
                f"{', '.join(COLUMNS[1:])}."
            )
        rows = []
        for number, cells in enumerate(csv.reader(lines[1:], delimiter="\t", quoting=csv.QUOTE_NONE), start=2):
            if not cells:
                continue
            if len(cells) > len(columns) or not cells[0 if columns[0] == "en" else columns.index("en")].strip():
                raise InputError(f"{name}:{number}: {cells} has no English, or more cells than the first line.")
            rows.append(dict(zip(columns, cells, strict=False)))
        return cls(rows)

    @staticmethod
    @cache
    def own() -> Table:
        """The package's."""
        return Table.parse((files(__package__) / "words.tsv").read_text("utf-8"), "words.tsv")

    def forms(self, column: str) -> Iterator[tuple[str, str]]:
        """Each form in a language with its English, in the order of the table."""
        for row in self.rows:
            english = row["en"].partition("|")[0].strip()
            for form in row.get(column, "").split("|"):
                if form.strip():
                    yield form.strip(), english
