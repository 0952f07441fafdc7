"""Groups from passages: each gets a scene, is written down in a style, and is a row of the format of `instructions`.

Knows collections and rows; what is asked for, and how it is worded, lies in the files beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from string import Formatter
from typing import Any

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.counterfactual.dates import GRAINS, spoken
from secondpass.evaluation.counterfactual.facts import Facts, grades
from secondpass.evaluation.counterfactual.layout import Style, style, written_document
from secondpass.evaluation.counterfactual.scene import BUILDERS, Scene, Setting, Wish
from secondpass.evaluation.counterfactual.table import Split, Table, read
from secondpass.evaluation.instructions import collected
from secondpass.evaluation.sample import answerable
from secondpass.types import Document

KINDS = tuple(BUILDERS)
NEUTRAL = ":neutral"
"""What is added to a group's id for the query without an instruction: all that answers is then worth the same."""

_FEWEST, _MOST = 9, 14
_IRRELEVANT = 3
_TODAY = date(2026, 11, 20)
_GRAIN_WEIGHTS = (8, 2, 4, 3, 3)
_LONGEST = 1200


def counterfactual(collection: Collection, n: int, *, seed: int = 0, split: Split = "seen") -> Collection:
    """`n` groups on passages of `collection`: three queries each, plain, reversed (`:reversed`) and neutral.

    The kinds take turns. The same arguments give the same groups. Raises `InputError` as `groups` does.
    """
    rows = groups(collection, n, seed=seed, split=split)
    found = collected(f"counterfactual-{split}", ((f"group {row['id']}", row) for row in rows))
    queries, qrels, candidates, modes = dict(found.queries), dict(found.qrels), dict(found.candidates), {}
    for key, group in found.groups.items():
        neutral = f"{key}{NEUTRAL}"
        queries[neutral] = replace(queries[key], id=neutral, instruction=None)
        qrels[neutral] = {document: int(label > 0) for document, label in qrels[key].items()}
        candidates[neutral] = candidates[key]
        modes[key] = replace(group, modes={**group.modes, "neutral": neutral})
    return replace(found, queries=queries, qrels=qrels, candidates=candidates, groups=modes)


def groups(collection: Collection, n: int, *, seed: int = 0, split: Split = "seen") -> list[dict[str, Any]]:
    """`n` rows of the format that `load_instructions` reads, with what the labels come from beside them.

    Each has 12 to 17 documents: one that fulfils all, others on the same passage that do not, and three on passages
    that do not answer, two with metadata that are perfect for the instruction and one for its opposite. `facts` (what
    is true of each document), `rules` and `reversed_rules` are not for the ranker. Raises `InputError` where the
    collection has no judged query, or too few documents that do not answer it.
    """
    table = read(split)
    passages = _passages(collection, Random(f"{seed} passages {collection.name}"), n)
    return [_group(f"{split}-{number:04}", number, each, table, seed) for number, each in enumerate(passages)]


@dataclass(frozen=True, slots=True)
class _Passage:
    query: str
    text: str
    others: tuple[str, ...]


def _passages(collection: Collection, draw: Random, n: int) -> list[_Passage]:
    """A query, a document that answers it and some that do not, `n` times; queries repeat when all were had."""
    short = {key: _body(document) for key, document in collection.documents.items()}
    short = {key: text for key, text in short.items() if 0 < len(text) <= _LONGEST}
    usable = {query: _best(collection.qrels[query], short) for query in answerable(collection)}
    queries = draw.sample([query for query in usable if usable[query]], sum(map(bool, usable.values())))
    if not queries:
        raise InputError(f"{collection.name} has no query with a relevant document of at most {_LONGEST} characters.")
    found = []
    for number in range(n):
        query = queries[number % len(queries)]
        others = _unrelated(collection, query, list(short), draw)
        text = collection.queries[query].text
        found.append(_Passage(text, short[draw.choice(usable[query])], tuple(short[key] for key in others)))
    return found


def _best(judged: Any, known: Any) -> list[str]:
    """The documents with the highest grade that any known one has."""
    grades = {key: grade for key, grade in judged.items() if grade > 0 and key in known}
    return [key for key, grade in grades.items() if grade == max(grades.values())]


def _unrelated(collection: Collection, query: str, documents: Sequence[str], draw: Random) -> list[str]:
    judged = collection.qrels[query]
    found: list[str] = []
    for key in draw.sample(documents, len(documents)):
        if judged.get(key, 0) <= 0 and key not in found:
            found.append(key)
        if len(found) == _IRRELEVANT:
            return found
    raise InputError(
        f"{collection.name} has {len(found)} documents that do not answer query {query!r}; a group needs {_IRRELEVANT}."
    )


def _body(document: Document) -> str:
    return "\n".join(part for part in (document.title, document.text) if part).strip()


def _group(key: str, number: int, passage: _Passage, table: Table, seed: int) -> dict[str, Any]:
    draw = Random(f"{seed} {key}")
    kind = KINDS[number % len(KINDS)]
    builders = BUILDERS[kind]
    now = _TODAY - timedelta(days=draw.randint(0, 700))
    (grain,) = draw.choices(GRAINS, _GRAIN_WEIGHTS)
    versions = draw.choice(list(table.versions))
    setting = Setting(draw, table, now, draw.randint(_FEWEST, _MOST), grain, versions)
    scene = builders[number // len(KINDS) % len(builders)](setting)
    wishes = (scene.wish, scene.opposite)
    told = [_worded(draw, table, wish) for wish in wishes]
    facts, bodies = _documents(draw, table, scene, passage, now)
    names = [f"{key}-{chr(97 + place)}" for place in range(len(facts))]
    order = draw.sample(range(len(facts)), len(facts))
    written = style(draw, table, grain, versions)
    placed = dict(zip(names, order, strict=True))
    answering = {name: facts[place] for name, place in placed.items() if place < len(scene.facts)}
    others = [name for name in names if name not in answering]
    labels, reversed_labels = (grades(wish.rules, answering, others) for wish in wishes)
    return {
        "id": key,
        "kind": kind,
        "query": passage.query,
        "instruction": told[0],
        "now": now.isoformat(),
        "documents": [
            _row(draw, table, written, name, facts[place], bodies[place], now) for name, place in placed.items()
        ],
        "labels": {name: labels[name] for name in names},
        "reversed_instruction": told[1],
        "reversed_labels": {name: reversed_labels[name] for name in names},
        "facts": {name: {**facts[place].to_dict(), "answers": name in answering} for name, place in placed.items()},
        "rules": [rule.to_dict() for rule in scene.wish.rules],
        "reversed_rules": [rule.to_dict() for rule in scene.opposite.rules],
    }


def _worded(draw: Random, table: Table, wish: Wish) -> str:
    """The instruction, in a wording that says nothing which the wish does not know, such as a year of a day in May."""
    wordings = table.wordings[wish.wording]
    known = [one for one in wordings if all(name in wish.places for _, name, *_ in Formatter().parse(one) if name)]
    return draw.choice(known).format_map(wish.places)


def _documents(draw: Random, table: Table, scene: Scene, passage: _Passage, now: date) -> tuple[list[Facts], list[str]]:
    """What is true of each document, those that answer first, and its text without metadata."""
    facts = [*scene.facts, scene.wish.perfect, scene.wish.perfect, scene.opposite.perfect]
    bodies = [passage.text] * len(scene.facts)
    numbered = {str(place): each for place, each in enumerate(scene.facts)}
    labels = [grades(wish.rules, numbered) for wish in (scene.wish, scene.opposite)]
    breaks = [int(place) for place in numbered if all(given[place] == 1 for given in labels)]
    for place in draw.sample(breaks, min(len(breaks), draw.randint(1, 2))):
        bodies[place] = f"{passage.text} {_mention(draw, table, scene, now)}"
    return facts, [*bodies, *passage.others]


def _mention(draw: Random, table: Table, scene: Scene, now: date) -> str:
    """A sentence about what is wanted, which says nothing of the document that it stands in."""
    places = dict(scene.wish.places)
    places["a"] = places.get("wanted", places.get("a", ""))
    if scene.mention == "date":
        seen = now - timedelta(days=draw.randint(1, 20))
        places |= {**spoken(seen), "year": str(seen.year), "after": str(now.year + 1)}
    return draw.choice(list(table.mentions[scene.mention])).format_map(places)


def _row(draw: Random, table: Table, style: Style, name: str, facts: Facts, body: str, now: date) -> dict[str, Any]:
    text, metadata = written_document(draw, table, style, facts, body, now)
    return {"id": name, "text": text, "metadata": metadata}
