"""Real pairs of texts: some to fix int8 ranges by, others to measure by. From a file, or from Python's own manual.

Knows texts; nothing of tokens and models.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secondpass.errors import InputError

Pair = tuple[str, str]

LEAST = 64
"""Pairs that a conversion is measured by, of which a file needs at least as many again."""

QUERIES = (
    "when are default argument values evaluated?",
    "how do I catch several exceptions at once",
    "difference between is and ==",
    "what happens in a class body",
    "format a number with a thousands separator",
    "import a module by its name",
    "how does a generator give values back to its caller?",
    "operator precedence",
)
"""Questions that Python's manual answers."""

_CALIBRATION = 192
_WORDS = (12, 40, 80, 160)  # of passages, which are of unlike lengths as documents are
_QUERY_WORDS = 8


@dataclass(frozen=True, slots=True)
class Samples:
    """Pairs to calibrate with, and others to measure by. No document is in both."""

    calibration: tuple[Pair, ...]
    measured: tuple[Pair, ...]


def samples(path: Path | None = None) -> Samples:
    """Pairs from a file, or from Python's manual where there is none.

    A file has JSON lines with `query` and `document`, or plain lines, each of which becomes a document; the first words
    of it are the query of itself and of the next one. Raises `InputError` where it has fewer than twice `LEAST` pairs.
    """
    if path is None:
        return _split(_of_manual(LEAST + _CALIBRATION))
    lines = [line for line in _read(path).splitlines() if line.strip()]
    pairs = _records(path, lines) if lines and lines[0].lstrip().startswith("{") else _of_lines(lines)
    if len(pairs) < 2 * LEAST:
        raise InputError(f"{path} gives {len(pairs)} pairs, and {2 * LEAST} are needed to calibrate and to measure by.")
    return _split(pairs)


def passages(count: int, words: int) -> list[str]:
    """As many passages of so many words each, spread over the language reference that comes with every Python."""
    from pydoc_data.topics import topics

    every = " ".join(topics[name] for name in sorted(topics)).split()
    spread = len(every) // count
    return [" ".join(every[i * spread : i * spread + words]) for i in range(count)]


def _of_manual(count: int) -> list[Pair]:
    texts = passages(count, max(_WORDS))
    return [
        (QUERIES[i % len(QUERIES)], " ".join(text.split()[: _WORDS[i // len(QUERIES) % len(_WORDS)]]))
        for i, text in enumerate(texts)
    ]


def _of_lines(lines: Sequence[str]) -> list[Pair]:
    queries = [" ".join(line.split()[:_QUERY_WORDS]) for line in lines]
    return [pair for i, line in enumerate(lines) for pair in ((queries[i], line), (queries[i - 1], line))]


def _records(path: Path, lines: Sequence[str]) -> list[Pair]:
    found = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            found.append((str(record["query"]), str(record["document"])))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f'{path}, line {number}: {error!r}; write {{"query": …, "document": …}}.') from error
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): give a text file in UTF-8.") from error


def _split(pairs: Sequence[Pair]) -> Samples:
    """The pairs in two, drawn by document; the same ones every time."""
    documents = list(dict.fromkeys(document for _, document in pairs))
    random.Random(0).shuffle(documents)
    places = {document: place for place, document in enumerate(documents)}
    ordered = sorted(pairs, key=lambda pair: places[pair[1]])
    border = LEAST
    while border < len(ordered) and ordered[border][1] == ordered[border - 1][1]:
        border += 1
    return Samples(tuple(ordered[border : border + _CALIBRATION]), tuple(ordered[:border]))
