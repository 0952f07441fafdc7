"""Lines of text files: plain or compressed, in a folder or inside a zip. Knows nothing of what they mean."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from secondpass.errors import InputError, MissingExtra

COMPRESSED = (".gz", ".zst")
_LONGEST_CELL = 2**31 - 1  # the most that a C long holds on every system; csv's own default is 131,072 characters


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file in UTF-8 at `path`, or the `member` of the zip there; `.gz` and `.zst` are read as what they hold."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}!{self.member}"

    @property
    def suffix(self) -> str:
        """The ending that tells the format, in lower case, without that of the compression."""
        name = PurePosixPath((self.member or self.path.name).lower())
        return PurePosixPath(name.stem).suffix if name.suffix in COMPRESSED else name.suffix

    def lines(self) -> Iterator[tuple[int, str]]:
        """Numbered lines with their ends, blank ones too. Raises `InputError` naming the file and the line."""
        try:
            with ExitStack() as stack:
                for number, raw in enumerate(self._opened(stack), 1):
                    yield number, self._decoded(number, raw)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, KeyError) as error:
            raise InputError(f"{self} cannot be read: {error}. Fetch it again.") from error

    def filled(self) -> Iterator[tuple[int, str]]:
        """Numbered lines that are not blank, without their ends."""
        for number, line in self.lines():
            if line.strip():
                yield number, line.rstrip("\r\n")

    def objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Numbered JSON objects, one a line."""
        for number, line in self.filled():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(f"{self}:{number}: not a JSON object ({error}).") from error
            if not isinstance(row, dict):
                raise InputError(f"{self}:{number}: not a JSON object, but {type(row).__name__}.")
            yield number, row

    def rows(self, delimiter: str) -> Iterator[tuple[int, dict[str, str]]]:
        """Numbered rows of a table with a header, quoted as csv has it."""
        csv.field_size_limit(_LONGEST_CELL)
        reader = csv.reader((line for _, line in self.lines()), delimiter=delimiter, strict=True)
        header: list[str] | None = None
        try:
            for row in reader:
                if header is None:
                    header = row
                elif row and len(row) != len(header):
                    raise InputError(
                        f"{self}:{reader.line_num}: {len(row)} fields, but the header has {len(header)}; quote fields "
                        "that hold the delimiter."
                    )
                elif row:
                    yield reader.line_num, dict(zip(header, row, strict=True))
        except csv.Error as error:
            raise InputError(f"{self}:{reader.line_num}: not {delimiter!r}-separated values ({error}).") from error

    def text(self) -> str:
        """The whole file."""
        return "".join(line for _, line in self.lines())

    def _decoded(self, number: int, raw: bytes) -> str:
        try:
            return raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{self}:{number}: not UTF-8 text ({error.reason}); convert the file to UTF-8.") from error

    def _opened(self, stack: ExitStack) -> IO[bytes]:
        if self.member is None:
            found: IO[bytes] = stack.enter_context(self.path.open("rb"))
        else:
            found = stack.enter_context(stack.enter_context(zipfile.ZipFile(self.path)).open(self.member))
        name = (self.member or self.path.name).lower()
        if name.endswith(".gz"):
            return cast("IO[bytes]", stack.enter_context(gzip.open(found)))
        return _expanded(found, stack, str(self)) if name.endswith(".zst") else found


@dataclass(frozen=True)
class Folder:
    """The files of a folder, or of the folder that holds a part called `anchor` inside a zip."""

    root: Path
    anchor: str

    @cached_property
    def _prefix(self) -> str:
        """Where inside the zip the folder lies: archives of data sets hold a folder rather than its files."""
        endings = tuple(f"{self.anchor}{ending}" for ending in ("", *COMPRESSED))
        found = [name for name in self._members if PurePosixPath(name).name in endings]
        best = min(found, key=lambda name: name.count("/"), default=self.anchor)
        return best[: len(best) - len(PurePosixPath(best).name)]

    @cached_property
    def _members(self) -> frozenset[str]:
        try:
            with zipfile.ZipFile(self.root) as archive:
                return frozenset(name for name in archive.namelist() if not name.startswith("__MACOSX/"))
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{self.root} cannot be read as a zip: {error}. Fetch it again.") from error

    @property
    def is_zip(self) -> bool:
        return self.root.suffix.lower() == ".zip" and not self.root.is_dir()

    def find(self, name: str) -> TextFile | None:
        """The part of that name, plain or compressed; None where there is none."""
        for ending in ("", *COMPRESSED):
            if self.is_zip:
                member = f"{self._prefix}{name}{ending}"
                if member in self._members:
                    return TextFile(self.root, member)
            elif (self.root / f"{name}{ending}").is_file():
                return TextFile(self.root / f"{name}{ending}")
        return None

    def names(self, under: str) -> list[str]:
        """Names of the files directly under a sub-folder, without the endings of a compression, sorted."""
        if self.is_zip:
            prefix = f"{self._prefix}{under}/"
            found = [name.removeprefix(prefix) for name in self._members if name.startswith(prefix)]
        else:
            found = [path.name for path in (self.root / under).glob("*") if path.is_file()]
        plain = {name.removesuffix(".gz").removesuffix(".zst") for name in found if name and "/" not in name}
        return sorted(plain)


def text_field(row: Mapping[str, Any], name: str, place: str) -> str:
    """A field that must be text. Raises `InputError` naming the place."""
    if name not in row:
        raise InputError(f"{place}: there is no field {name!r}; it has {', '.join(map(repr, row)) or 'none'}.")
    if not isinstance(row[name], str):
        raise InputError(f"{place}: `{name}` is {row[name]!r:.60}, and not a string.")
    found: str = row[name]
    return found


def _expanded(compressed: IO[bytes], stack: ExitStack, name: str) -> IO[bytes]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtra(f"Reading {name}", "eval") from error
    reader = zstandard.ZstdDecompressor().stream_reader(compressed, read_across_frames=True)
    return cast("IO[bytes]", stack.enter_context(io.BufferedReader(cast("io.RawIOBase", _Damage(reader)))))


class _Damage(io.RawIOBase):
    """zstandard's stream, whose own kind of error becomes an `OSError` as gzip's is."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        import zstandard

        try:
            found = self._stream.read(len(buffer))
        except zstandard.ZstdError as error:
            raise OSError(str(error)) from error
        buffer[: len(found)] = found
        return len(found)
