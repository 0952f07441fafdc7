"""`secondpass render`: the kind of each document, and the text that a model with structure reads of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secondpass.cli import options, output, source

if TYPE_CHECKING:
    from secondpass.text.structure.registry import Rendered

WHOLE = frozenset(
    [
        ".c",
        ".cc",
        ".cpp",
        ".cxx",
        ".go",
        ".h",
        ".hpp",
        ".htm",
        ".html",
        ".java",
        ".js",
        ".jsx",
        ".markdown",
        ".md",
        ".mjs",
        ".php",
        ".py",
        ".rb",
        ".rs",
        ".sql",
        ".ts",
        ".tsx",
        ".yaml",
        ".yml",
    ]
)
"""Files that are one document each, unless --format says what they hold."""


def render(
    files: options.Files = None,
    file_format: options.FileFormat = None,
    text_field: options.TextField = None,
    id_field: options.IdField = None,
    title_field: options.TitleField = None,
    field: Annotated[
        list[str] | None, typer.Option(help="Of a record read this field alone, or a path; may be repeated.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what is read of documents: tools, tables, code, records, Markdown, HTML.

    A file of code, SQL, YAML, Markdown or HTML is one document; others are read as `rank` reads them.
    """
    from secondpass.text.render import describe

    fields = source.Fields(text_field, id_field, title_field)
    found = (
        (one.place, describe(one.document, fields=tuple(field or ())))
        for one in _candidates(files or [], fields, file_format)
    )
    if as_json:
        output.write_json([_as_json(place, rendered) for place, rendered in found])
    else:
        _show(found)


def _candidates(
    files: Sequence[Path], fields: source.Fields, file_format: options.Format | None
) -> Iterator[source.Candidate]:
    for path in files or [source.STDIN]:
        if file_format is None and path.suffix.lower() in WHOLE:
            yield source.whole(path)
        else:
            yield from source.read([] if path == source.STDIN else [path], fields, file_format)


def _as_json(place: str, rendered: Rendered) -> dict[str, object]:
    return {"source": place, "kind": rendered.kind, "failed": list(rendered.failed), "text": rendered.text}


def _show(found: Iterable[tuple[str, Rendered]]) -> None:
    """A line with the place and the kind above each text, and what a text only looked like."""
    for number, (place, rendered) in enumerate(found):
        failed = f", not {' nor '.join(rendered.failed)}" if rendered.failed else ""
        typer.echo(("\n" if number else "") + f"── {place} · {rendered.kind}{failed}")
        typer.echo(rendered.text)
