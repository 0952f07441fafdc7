"""The BEIR layout: `corpus.jsonl`, `queries.jsonl`, `qrels/SPLIT.tsv`, and what of it comes with candidates.

Knows one layout. Each part may be plain, `.gz` or `.zst`, in a folder or in a zip of one, which is read as it is.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from secondpass.errors import InputError
from secondpass.evaluation.candidates import CANDIDATES, read_candidates
from secondpass.evaluation.collection import Collection, Query, grade, require_known
from secondpass.evaluation.textfile import COMPRESSED, Folder, TextFile, text_field
from secondpass.types import Document

CORPUS, QUERIES, QRELS = "corpus.jsonl", "queries.jsonl", "qrels"
DIFFERENCE = "qrel_diff.jsonl"
"""Which documents an edited instruction makes irrelevant, in the sets of FollowIR."""

SPLIT = "test"


def load_beir(folder: str | Path, *, split: str = SPLIT) -> Collection:
    """Read a BEIR folder, or a zip of one: `corpus.jsonl`, `queries.jsonl`, `qrels/SPLIT.tsv` and, if it is there,
    `candidates.tsv` (`query-id`, `corpus-id`, best first).

    Other fields of a line become metadata. Raises `InputError` naming the part that is missing, or the file and line
    that cannot be read or that repeat an id, and `MissingExtra` for `.zst` without zstandard.
    """
    parts = Folder(Path(folder), CORPUS)
    documents = read_documents(_part(parts, CORPUS))
    queries = read_queries(_part(parts, QUERIES))
    qrels: dict[str, dict[str, float]] = {}
    for query, document, found in judgements(_part(parts, f"{QRELS}/{split}.tsv")):
        qrels.setdefault(query, {})[document] = found
    listed = parts.find(CANDIDATES)
    candidates = {} if listed is None else read_candidates(listed)
    name = parts.root.stem if parts.is_zip else parts.root.resolve().name
    collection = Collection(name, documents, queries, qrels, candidates)
    require_known(collection, candidates, str(listed))
    return collection


def read_documents(file: TextFile) -> dict[str, Document]:
    """The documents of a `corpus.jsonl`, by id."""
    return {key: _document(key, row) for key, row in _rows(file)}


def read_queries(file: TextFile) -> dict[str, Query]:
    """The queries of a `queries.jsonl`, by id."""
    return {key: _query(key, row) for key, row in _rows(file)}


def is_beir(path: Path) -> bool:
    """Whether a folder or a zip has a corpus in this layout."""
    return (path.is_dir() or path.suffix.lower() == ".zip") and Folder(path, CORPUS).find(CORPUS) is not None


def judgements(file: TextFile) -> Iterator[tuple[str, str, float]]:
    """Query, document and grade of every line of a `query-id`, `corpus-id`, `score` table; a header is passed over."""
    seen: set[tuple[str, str]] = set()
    for number, line in file.filled():
        fields = line.split("\t")
        if number == 1 and fields[-1:] == ["score"]:
            continue
        try:
            query, document, found = fields[0], fields[1], grade(fields[2])
        except (ValueError, IndexError) as error:
            raise InputError(f"{file}:{number}: {line!r} is not `query-id<TAB>corpus-id<TAB>grade`.") from error
        if (query, document) in seen:
            raise InputError(f"{file}:{number}: query {query!r} and document {document!r} are judged a second time.")
        seen.add((query, document))
        yield query, document, found


def write_beir(collection: Collection, folder: Path) -> Path:
    """Write a collection in this layout, gzipped, as `folder`; the folder appears when all of it is written.

    Raises `InputError` where the folder is there already.
    """
    if folder.exists():
        raise InputError(f"{folder} is there already: remove it first, or choose another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(made / f"{CORPUS}.gz", (_json(_document_row(d)) for d in collection.documents.values()))
        _write(made / f"{QUERIES}.gz", (_json(_query_row(query)) for query in collection.queries.values()))
        (made / QRELS).mkdir()
        judged = ((q, d, f"{g:g}") for q, listed in collection.qrels.items() for d, g in listed.items())
        _write(made / QRELS / f"{SPLIT}.tsv.gz", _table(("query-id", "corpus-id", "score"), judged))
        if collection.candidates:
            listed = ((query, document) for query, found in collection.candidates.items() for document in found)
            _write(made / f"{CANDIDATES}.gz", _table(("query-id", "corpus-id"), listed))
        if collection.groups:
            rows = ({"query-id": key, "corpus-ids": list(each.changed)} for key, each in collection.groups.items())
            _write(made / f"{DIFFERENCE}.gz", map(_json, rows))
        made.chmod(0o755)
        made.replace(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return folder


def _document(key: str, row: Mapping[str, Any]) -> Document:
    return Document(row["text"], id=key, title=row.get("title") or None, metadata=_rest(row, "title"))


def _query(key: str, row: Mapping[str, Any]) -> Query:
    return Query(key, row["text"], row.get("instruction") or None, _rest(row, "instruction"))


def _rest(row: Mapping[str, Any], known: str) -> dict[str, Any]:
    """The other fields, those under BEIR's own `metadata` among them."""
    under = row.get("metadata")
    rest = {name: value for name, value in row.items() if name not in ("_id", "text", known, "metadata")}
    return {**rest, **under} if isinstance(under, dict) else rest


def _part(parts: Folder, name: str) -> TextFile:
    found = parts.find(name)
    if found is not None:
        return found
    beside = parts.names(QRELS) if name.startswith(f"{QRELS}/") else []
    hint = f" It has {', '.join(beside)}: choose a split." if beside else ""
    raise InputError(
        f"{parts.root} is not in the BEIR layout: it has no {name}, nor with {' or '.join(COMPRESSED)}.{hint}"
    )


def _rows(file: TextFile) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and fields of every line of a JSONL file; ids are strings, whatever the file has."""
    seen: set[str] = set()
    for number, row in file.objects():
        place = f"{file}:{number}"
        if "_id" not in row:
            raise InputError(f"{place}: not a JSON object with `_id` and `text`: it has {', '.join(row) or 'nothing'}.")
        key = str(row["_id"])
        text_field(row, "text", place)
        if key in seen:
            raise InputError(f"{place}: the id {key!r} stands there a second time; ids must differ.")
        seen.add(key)
        yield key, row


def _document_row(document: Document) -> dict[str, Any]:
    title = {"title": document.title} if document.title else {}
    metadata = {"metadata": dict(document.metadata)} if document.metadata else {}
    return {"_id": document.id, **title, "text": document.text, **metadata}


def _query_row(query: Query) -> dict[str, Any]:
    instruction = {"instruction": query.instruction} if query.instruction else {}
    metadata = {"metadata": dict(query.metadata)} if query.metadata else {}
    return {"_id": query.id, "text": query.text, **instruction, **metadata}


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=str)


def _table(header: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "\t".join(header)
    yield from ("\t".join(row) for row in rows)


def _write(path: Path, lines: Iterable[str]) -> None:
    with gzip.open(path, "wt", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
