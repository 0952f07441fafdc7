"""Benchmarks whose queries come with two or three instructions: FollowIR and InfoSearch, in their own layouts.

    FollowIR     a BEIR folder whose query ids end in -og and -changed, with `qrel_diff.jsonl` (`query-id` without that
                 end, `corpus-ids` that the edited instruction makes irrelevant); candidates in `top_ranked.jsonl`,
                 instructions with the queries or in `instruction.jsonl` (`query-id`, `instruction`)
    InfoSearch   a BEIR folder with `qrels_og`, `qrels_changed` and `qrels_reversed` for `qrels`, whose queries have
                 `instruction_og`, `instruction_changed` and `instruction_reversed`

Knows the layouts; what the rankings are worth is not known here. Weller et al. 2024 (FollowIR), Zhou et al. 2024.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from secondpass.errors import InputError
from secondpass.evaluation.beir import (
    CORPUS,
    DIFFERENCE,
    QUERIES,
    SPLIT,
    judgements,
    load_beir,
    read_documents,
    read_queries,
)
from secondpass.evaluation.candidates import read_candidates
from secondpass.evaluation.collection import Collection, Group, Query, require_known
from secondpass.evaluation.instructed import instruction_sets
from secondpass.evaluation.textfile import Folder, TextFile, text_field

TOP_RANKED, INSTRUCTION = "top_ranked.jsonl", "instruction.jsonl"
FOLLOWIR = ("p-MRR", "nDCG@5", "AP")
INFOSEARCH = ("p-MRR", "WISE", "SICR", "nDCG@10")

_ENDS = {"original": "-og", "changed": "-changed"}
_PARTS = {"original": "og", "instructed": "changed", "reversed": "reversed"}


def is_followir(path: Path) -> bool:
    """Whether a BEIR folder or zip says which judgements an edited instruction changes."""
    return Folder(path, CORPUS).find(DIFFERENCE) is not None


def is_infosearch(path: Path) -> bool:
    """Whether a BEIR folder or zip has judgements for an instruction and its reverse."""
    parts = Folder(path, CORPUS)
    return all(parts.names(f"qrels_{part}") for part in _PARTS.values())


def load_followir(path: str | Path, *, split: str = SPLIT) -> Collection:
    """Read FollowIR: a group a pair of queries. Raises `InputError` as `load_beir` does, and for half a pair."""
    found = load_beir(path, split=split)
    parts = Folder(Path(path), CORPUS)
    difference, listed, told = (parts.find(name) for name in (DIFFERENCE, TOP_RANKED, INSTRUCTION))
    if difference is None:
        raise InputError(f"{path} has no {DIFFERENCE}: it is not in FollowIR's layout.")
    if listed is not None:
        candidates = read_candidates(listed)
        require_known(found, candidates, str(listed))
        found = replace(found, candidates={query: candidates[query] for query in candidates if query in found.queries})
    return pairs(found, read_candidates(difference), {} if told is None else _instructions(told))


def pairs(collection: Collection, changed: Mapping[str, Sequence[str]], told: Mapping[str, str]) -> Collection:
    """A collection of `-og` and `-changed` queries with its groups.

    `changed`: id without the end → documents that the edit makes irrelevant; `told`: query id → instruction, where the
    queries do not have it. Queries of no pair in `changed` are left out. Raises `InputError` for half a pair.
    """
    groups: dict[str, Group] = {}
    for key, documents in changed.items():
        modes = {mode: f"{key}{end}" for mode, end in _ENDS.items()}
        known = collection.queries.keys() & collection.qrels.keys()
        missing = [query for query in modes.values() if query not in known]
        if missing:
            raise InputError(f"{collection.name} has no query {missing[0]!r} with judgements: FollowIR needs the pair.")
        groups[key] = Group(key, modes, tuple(documents))
    asked = [query for group in groups.values() for query in group.modes.values()]
    queries = {key: _told(collection.queries[key], told.get(key)) for key in asked}
    qrels = {key: collection.qrels[key] for key in asked}
    return replace(collection, queries=queries, qrels=qrels, groups=groups, measures=FOLLOWIR)


def load_infosearch(path: str | Path, *, split: str = SPLIT) -> Collection:
    """Read InfoSearch: a group a query, asked without an instruction, with it, and with its reverse.

    Candidates are not part of it. Raises `InputError` naming the part that is missing, or the file and line.
    """
    root = Path(path)
    parts = Folder(root, CORPUS)
    judged = {mode: _judged(parts, f"qrels_{part}/{split}.tsv") for mode, part in _PARTS.items()}
    _, negatives = instruction_sets(judged["original"], judged["instructed"])
    queries: dict[str, Query] = {}
    qrels: dict[str, dict[str, float]] = {}
    groups: dict[str, Group] = {}
    for key, plain in read_queries(_part(parts, QUERIES)).items():
        if key not in judged["original"]:  # as InfoSearch's own tool leaves out what nobody judged
            continue
        groups[key] = Group(key, {mode: f"{key}:{mode}" for mode in _PARTS}, tuple(negatives[key]))
        for mode, part in _PARTS.items():
            told = plain.metadata.get(f"instruction_{part}") or None
            queries[f"{key}:{mode}"] = Query(f"{key}:{mode}", plain.text, told, {"group": key, "mode": mode})
            qrels[f"{key}:{mode}"] = judged[mode].get(key, {})
    name = root.stem if parts.is_zip else root.resolve().name
    documents = read_documents(_part(parts, CORPUS))
    return Collection(name, documents, queries, qrels, groups=groups, measures=INFOSEARCH)


def _told(query: Query, instruction: str | None) -> Query:
    return query if instruction is None else replace(query, instruction=instruction)


def _instructions(file: TextFile) -> dict[str, str]:
    return {
        text_field(row, "query-id", f"{file}:{number}"): text_field(row, "instruction", f"{file}:{number}")
        for number, row in file.objects()
    }


def _judged(parts: Folder, name: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for query, document, grade in judgements(_part(parts, name)):
        found.setdefault(query, {})[document] = grade
    return found


def _part(parts: Folder, name: str) -> TextFile:
    found = parts.find(name)
    if found is None:
        raise InputError(f"{parts.root} has no {name}: it is not in InfoSearch's layout.")
    return found
