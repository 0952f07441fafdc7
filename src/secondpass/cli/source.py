"""Documents from files and stdin: lines, JSONL, JSON, CSV and TSV, plain or gzipped.

Knows no models. Everything that cannot be read is named with its file and line.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn, cast

from secondpass.cli.options import Format
from secondpass.errors import InputError
from secondpass.types import AnyDocument, Document

STDIN = Path("-")
_FORMATS: Mapping[str, Format] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "lines",
    ".ndjson": "jsonl",
    ".tsv": "tsv",
    ".txt": "lines",
}
_LONGEST_CELL = 2**31 - 1  # the most that a C long holds on every system; csv's own default is 131,072 characters


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document, and where it was read: `file:line`, or `file: item n` in a JSON file."""

    document: AnyDocument
    place: str


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields of a record hold what; None looks for `text`, `id` or `_id`, and `title`."""

    text: str | None = None
    id: str | None = None
    title: str | None = None


def read(files: Sequence[Path], fields: Fields, file_format: Format | None = None) -> list[Candidate]:
    """Every document of every file, in order.

    A line or a JSON string is a document. A record with a text field is a `Document`, its other fields the metadata;
    one without is kept whole, as function schemas and table rows are, unless `fields.text` asks for a field by name.
    Raises `InputError` naming the file and the line.
    """
    if not files and (sys.stdin is None or sys.stdin.isatty()):
        raise InputError("There are no documents: name a FILE, or pipe them in.")
    candidates: list[Candidate] = []
    for path in files or [STDIN]:
        name = "<stdin>" if path == STDIN else str(path)
        lines = list(_lines(path, name))
        chosen = file_format or _FORMATS.get(_suffix(path)) or _sniffed(lines)
        if chosen == "lines" and fields != Fields():
            raise InputError(f"{name} was read as lines, which have no fields; say what it is with --format.")
        candidates += (Candidate(_document(v, place, fields), place) for place, v in _records(name, lines, chosen))
    if not candidates:
        raise InputError(f"There are no documents in {', '.join(map(str, files)) or 'stdin'}.")
    return candidates


def whole(path: Path) -> Candidate:
    """A file as one document. Raises `InputError` where it cannot be read."""
    return Candidate("".join(_lines(path, str(path))), str(path))


def _suffix(path: Path) -> str:
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def _lines(path: Path, name: str) -> Iterator[str]:
    """Lines with their ends. Decoded one by one, so that a byte which is not UTF-8 can be placed."""
    try:
        with _opened(path) as file:
            for number, raw in enumerate(file, 1):
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}:{number}: not UTF-8 text ({error.reason}); convert the file to UTF-8.") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{name} cannot be read: {reason}.") from error


def _opened(path: Path) -> IO[bytes]:
    if path == STDIN:
        return sys.stdin.buffer
    return cast("IO[bytes]", gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def _sniffed(lines: Sequence[str]) -> Format:
    """What a stream without a telling name holds."""
    filled = [line.strip() for line in lines if line.strip()]
    if not filled or filled[0][0] not in "[{":
        return "lines"
    if filled[0][0] == "[":
        return "json"
    try:
        first = json.loads(filled[0])
    except ValueError:
        return "json"  # an object over several lines
    columns = len(filled) == 1 and all(isinstance(value, list) for value in first.values())
    return "json" if columns else "jsonl"


def _records(name: str, lines: Sequence[str], chosen: Format) -> Iterator[tuple[str, Any]]:
    """Pairs of place and record: a string or a mapping."""
    if chosen == "json":
        yield from _from_json(name, lines)
    elif chosen in ("csv", "tsv"):
        yield from _from_table(name, lines, "," if chosen == "csv" else "\t")
    else:
        for number, line in enumerate(lines, 1):
            if line.strip():
                place = f"{name}:{number}"
                yield place, line.rstrip("\r\n") if chosen == "lines" else _parsed(line, place)


def _parsed(text: str, place: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda name: _not_json(name, place))
    except json.JSONDecodeError as error:
        where = place if "\n" not in text.rstrip("\r\n") else f"{place}:{error.lineno}"
        raise InputError(
            f"{where}: not JSON ({error.msg} at column {error.colno}). Mend it, or say what it is with --format."
        ) from error
    except (RecursionError, ValueError) as error:
        raise InputError(f"{place}: not JSON that can be read ({error}).") from error


def _not_json(name: str, place: str) -> NoReturn:
    raise InputError(f"{place}: {name} is not JSON; leave the field out, or use null.")


def _from_json(name: str, lines: Sequence[str]) -> Iterator[tuple[str, Any]]:
    value = _parsed("".join(lines), name)
    if isinstance(value, dict):
        value = _rows(value, name)
    if not isinstance(value, list):
        raise InputError(f"{name}: holds one {type(value).__name__}; give a list of documents, or an object of lists.")
    for number, record in enumerate(value, 1):
        yield f"{name}: item {number}", record


def _rows(columns: Mapping[str, Any], name: str) -> list[Any]:
    """Records from an object of lists: its columns, or the one list that it holds."""
    sizes = {key: len(value) for key, value in columns.items() if isinstance(value, list)}
    if not columns or len(sizes) < len(columns):
        odd = next((key for key in columns if key not in sizes), None)
        raise InputError(f"{name}: an object must hold lists of equal length, but {odd!r} is not a list.")
    if len(set(sizes.values())) > 1:
        raise InputError(f"{name}: the lists differ in length ({', '.join(f'{k}: {n}' for k, n in sizes.items())}).")
    if len(columns) == 1:
        return list(next(iter(columns.values())))
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _from_table(name: str, lines: Sequence[str], delimiter: str) -> Iterator[tuple[str, Any]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for row in reader:
            if header is None:
                header = row
            elif row:
                if len(row) != len(header):
                    raise InputError(
                        f"{name}:{reader.line_num}: {len(row)} fields, but the header has {len(header)}; "
                        "quote fields that hold the delimiter."
                    )
                yield f"{name}:{reader.line_num}", dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise InputError(f"{name}:{reader.line_num}: not {delimiter!r}-separated values ({error}).") from error


def _document(record: Any, place: str, fields: Fields) -> AnyDocument:
    if isinstance(record, str):
        return record
    if not isinstance(record, dict):
        raise InputError(f"{place}: {_short(record)} is no document; give a string or an object.")
    text = fields.text or "text"
    if text not in record:
        if fields.text is None:
            return record
        raise InputError(f"{place}: there is no field {text!r}; it has {', '.join(map(repr, record)) or 'none'}.")
    name = fields.id or ("id" if "id" in record else "_id")
    title = fields.title or "title"
    if not isinstance(record[text], str):
        raise InputError(f"{place}: the field {text!r} is {_short(record[text])}, and must be text.")
    if not isinstance(record.get(title), str | None):
        raise InputError(f"{place}: the field {title!r} is {_short(record[title])}, and must be text.")
    return Document(
        record[text],
        id=None if record.get(name) is None else str(record[name]),
        title=record.get(title) or None,
        metadata={key: value for key, value in record.items() if key not in (text, name, title)},
    )


def _short(value: object) -> str:
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= 60 else f"{written[:59]}…"
