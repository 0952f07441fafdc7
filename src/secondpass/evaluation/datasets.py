"""Opening a collection by path or by name: local folders first, and word of what would have to be fetched.

Knows the layouts by their readers, and where data is kept; fetches nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from secondpass.errors import InputError
from secondpass.evaluation import benchmarks
from secondpass.evaluation.airbench import is_airbench, load_airbench
from secondpass.evaluation.beir import SPLIT, is_beir, load_beir, read_documents
from secondpass.evaluation.benchmarks import Named
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.contextual import is_contextual, load_contextual
from secondpass.evaluation.instructions import is_instructions, load_instructions
from secondpass.evaluation.modes import is_followir, is_infosearch, load_followir, load_infosearch
from secondpass.evaluation.tabular import SUFFIXES, load_table
from secondpass.evaluation.textfile import TextFile
from secondpass.evaluation.trec import read_qrels, read_topics
from secondpass.types import Document

DATA = "SECONDPASS_DATA"
"""The environment variable with the folder of collections."""

IR_DATASETS = "ir_datasets:"
"""What stands before an id of ir_datasets."""

_OWN_FORMATS: tuple[tuple[Callable[[Path], bool], Callable[[Path], Collection]], ...] = (
    (is_instructions, load_instructions),
    (is_contextual, load_contextual),
    (is_airbench, load_airbench),
)
"""Whether a path holds a format, and its reader."""

_TOPICS = ("topics.txt", "topics.tsv", "queries.tsv")
_QRELS = ("qrels.txt", "qrels.tsv", "qrels")


def data_home(folder: str | Path | None = None) -> Path:
    """Where collections are kept: the given folder, SECONDPASS_DATA, or `~/.cache/secondpass/data`."""
    given = folder or os.environ.get(DATA)
    return Path(given) if given else Path.home() / ".cache" / "secondpass" / "data"


def open_collection(
    path_or_name: str | Path,
    *,
    data_dir: str | Path | None = None,
    split: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Collection:
    """Open a collection.

    A path: a BEIR folder or a zip of one, a folder with a corpus and TREC's topics and qrels, sets of instructions
    (ours, FollowIR's, InfoSearch's, Contextual's), a data set of AIR-Bench, or a table of labelled pairs (`columns` as
    for `load_table`). A name: a folder of that name under `data_dir`, a benchmark of the table whose data lies there,
    or `ir_datasets:ID`. `split` chooses other judgements than the collection's own. Raises `InputError` naming the file
    and line, or saying how data that is not here is fetched.
    """
    text = str(path_or_name)
    if text.startswith(IR_DATASETS):
        from secondpass.evaluation.fetch import open_ir_datasets

        return open_ir_datasets(text.removeprefix(IR_DATASETS))
    path = Path(path_or_name)
    if isinstance(path_or_name, Path) or text.startswith((".", "/", "~")) or path.is_absolute():
        return open_path(path.expanduser(), split=split, columns=columns)
    if benchmarks.is_named(text):
        return _open_named(benchmarks.find(text), data_home(data_dir), split)
    local = next((each for each in _beside(data_home(data_dir) / text) if each.exists()), None)
    if local is None and path.exists():
        local = path
    if local is None:
        benchmarks.find(text)  # says what the name may have meant
    return open_path(local or path, split=split, columns=columns)


def open_path(path: Path, *, split: str | None = None, columns: Mapping[str, str] | None = None) -> Collection:
    """Open what lies at a path, by what it looks like."""
    if not path.exists():
        raise InputError(f"{path} is not there: give a folder, a zip, or a table of labelled pairs.")
    if is_beir(path):
        if is_infosearch(path):
            return load_infosearch(path, split=split or SPLIT)
        if is_followir(path):
            return load_followir(path, split=split or SPLIT)
        trec = _part(path, _TOPICS), _part(path, _QRELS)
        judged = split is not None or (path / "qrels").is_dir() or path.is_file()
        return load_beir(path, split=split or SPLIT) if judged or None in trec else _load_trec(path)
    for found, load in _OWN_FORMATS:
        if found(path):
            return load(path)
    if path.is_dir():
        if _part(path, _TOPICS) and _part(path, _QRELS):
            return _load_trec(path)
        raise InputError(
            f"{path} has no collection: a folder needs corpus.jsonl, queries.jsonl and qrels/{split or SPLIT}.tsv, or "
            "a corpus with topics.txt and qrels.txt, or dev.jsonl with groups of instructions."
        )
    if TextFile(path).suffix in SUFFIXES:
        return load_table(path, columns=columns)
    raise InputError(f"{path} is no collection: give a folder, a zip, or a file that ends in {', '.join(SUFFIXES)}.")


def local_path(named: Named, data_dir: str | Path | None = None) -> Path | None:
    """Where a benchmark's data lies here; None where it does not."""
    home = data_home(data_dir)
    folders = (named.row.name, *named.row.folders)
    wanted = [f"{folder}/{named.subset}" if named.subset else folder for folder in folders]
    return next((path for name in wanted for path in _beside(home / name) if path.exists()), None)


def how_to_get(named: Named, data_dir: str | Path | None = None) -> str:
    """What to do for data that is not here: the command, the library it needs, and what it reads."""
    row = named.row
    if row.members:
        return f"it is a suite: open its members, {', '.join(row.members)}"
    if row.subsets and not named.subset:
        return f"it has subsets: open one of them, such as {row.name}/{row.subsets[0]}"
    ways = []
    if row.fetchable:
        source = f"{row.hub} on the Hugging Face hub" if row.hub else f"ir_datasets' {row.ir_datasets}"
        library = "datasets" if row.hub else "ir_datasets"
        ways.append(
            f"`secondpass datasets {named.name} --fetch` gets it from {source.replace('{subset}', named.subset)} with "
            f"the library {library} (pip install 'secondpass[datasets]')"
        )
    if row.url:
        ways.append(f"{row.url} unpacks, or is put as it is, into {data_home(data_dir)}")
    return "; or ".join(ways) or f"it cannot be fetched ({row.access}): {row.note}"


def _open_named(named: Named, home: Path, split: str | None) -> Collection:
    path = local_path(named, home)
    if path is None or named.row.members or (named.row.subsets and not named.subset):
        raise InputError(f"{named.name} is not in {home}: {how_to_get(named, home)}.")
    found = open_path(path, split=split or _split(named, path))
    return replace(found, name=named.name, identical_ids=named.row.identical_ids)


def _split(named: Named, path: Path) -> str | None:
    """The benchmark's split where the folder has it; what was fetched here has one split, called test."""
    has = any((path / "qrels" / f"{named.row.split}.tsv{ending}").is_file() for ending in ("", ".gz", ".zst"))
    return named.row.split if has or path.suffix == ".zip" else None


def _beside(path: Path) -> tuple[Path, Path]:
    return path, path.with_name(f"{path.name}.zip")


def _part(folder: Path, names: tuple[str, ...]) -> Path | None:
    found = (folder / f"{name}{ending}" for name in names for ending in ("", ".gz", ".zst"))
    return next((path for path in found if path.is_file()), None)


def _load_trec(folder: Path) -> Collection:
    """A corpus (`corpus.jsonl`, or `collection.tsv` of id and text) with TREC's topics and qrels."""
    topics, qrels = _part(folder, _TOPICS), _part(folder, _QRELS)
    corpus = _part(folder, ("corpus.jsonl", "collection.tsv"))
    if topics is None or qrels is None or corpus is None:
        raise InputError(
            f"{folder} has topics and qrels but no corpus: corpus.jsonl, or collection.tsv of id and text."
        )
    if TextFile(corpus).suffix == ".tsv":
        documents = {key: Document(line.text, id=key) for key, line in read_topics(corpus).items()}
    else:
        documents = read_documents(TextFile(corpus))
    return Collection(folder.resolve().name, documents, read_topics(topics), read_qrels(qrels))
