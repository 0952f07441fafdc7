"""A sentence's clauses: where they begin, what each wishes by its own cues, and which of them comes first.

Knows cue words and names that stand masked; neither documents nor rules of a kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from secondpass.ranking.rules.cues import Cues
from secondpass.ranking.rules.kinds import named_in
from secondpass.ranking.rules.rule import Kind, Rule, Strength

MASK = "◆"
"""What stands for each character of a name that the documents bear, so that no cue is read in it."""

_MARKS = re.compile(r"[,;:()\[\]–—、·•]+|\s-\s")
_NUMBERED = re.compile(r"^\W*\(?([1-9])[).]\s")
_LISTED = 5
"""Words that a part of a list has at most; longer ones are clauses of their own."""

_BARE_WORDS = 3
"""Words that a clause has at most for a family's name in it to be a wish."""

_PRONOUNS = re.compile(r"\s*(?:them|those|these|it|that|all|others?|everything|sie|diese|eux|ellos)?[\s.!?]*")
_SIDES: tuple[tuple[str, tuple[Strength, Strength]], ...] = (
    ("over", ("prefer", "avoid")),
    ("under", ("avoid", "prefer")),
)
_WHOLE = ("stance.only", "stance.avoid", "version.latest", "version.oldest")
"""Cues that nothing in them cuts."""

_BARE = ("not", "nicht", "pas", "no", "than", "als", "que")
_EVERYTHING = re.compile(r"\b(?:everything|anything|all|alles|tout|todo)\b")


class Named(NamedTuple):
    """What a clause names, and the rule's kind that asks for it."""

    text: str
    kind: Kind


@dataclass(slots=True)
class Clause:
    """A stretch of a sentence with one wish: `stance` and `tier` where its own words say so."""

    start: int
    text: str
    stance: Strength | None = None
    follows: bool = False
    named: list[Named] = field(default_factory=list)
    asked: list[Rule] = field(default_factory=list)
    tier: int = 0
    certain: bool = False
    trailing: bool = False
    rest: bool = False


def split(text: str, table: Cues) -> list[Clause]:
    """The clauses of a sentence in lower case."""
    return [part for start, piece in _pieces(text, table) for part in _compared(start, piece, table)]


def masked(text: str) -> str:
    """Spaces in the place of a text."""
    return " " * len(text)


def _spaces(match: re.Match[str]) -> str:
    return masked(match[0])


def _pieces(text: str, table: Cues) -> Iterator[tuple[int, str]]:
    cuts = sorted(
        [match.span() for match in _MARKS.finditer(text)]
        + [match.span() for name in ("clause", "list") for match in table[f"split.{name}"].finditer(text)]
    )
    whole = [match.span() for name in _WHOLE for match in table[name].finditer(text)]
    cuts = [cut for cut in cuts if not any(low <= cut[0] and cut[1] <= high for low, high in whole)]
    start = 0
    for low, high in [*cuts, (len(text), len(text))]:
        if low > start and text[start:low].strip():
            yield start, text[start:low]
        start = max(start, high)


def _compared(start: int, text: str, table: Cues) -> Iterator[Clause]:
    """The two sides of "A over B"; the clause itself where nothing is compared."""
    if table.language == "ja":
        match = table["stance.under"].search(text)
        if match and text[match.end() :].strip():
            yield Clause(start, text[: match.start()], "avoid", certain=True)
            yield Clause(start + match.end(), text[match.end() :], "prefer", certain=True)
            return
    for name, stances in _SIDES:
        for match in table[f"stance.{name}"].finditer(text):
            left, right = text[: match.start()], text[match.end() :]
            if not _compares(left, match[0], right, table):
                continue
            first, second = stances
            if table["stance.not"].search(left):
                first, second = second, first
            yield Clause(start, left, first, certain=True)
            right = _EVERYTHING.sub(_spaces, right)
            yield Clause(start + match.end(), right, second, certain=True, rest=MASK not in right)
            return
    yield Clause(start, text)


def _compares(left: str, cue: str, right: str, table: Cues) -> bool:
    """Whether a cue stands between two things that are compared, and not in the middle of a story."""
    if _PRONOUNS.fullmatch(right):
        return False
    if cue in _BARE:
        return bool(table["stance.prefer"].search(left)) and not table["stance.prefer"].search(right)
    return cue not in ("before", "vor", "avant") or not any(word in table.subjects for word in left.split())


def stand(clause: Clause, table: Cues) -> bool:
    """What a clause's own cues wish; they are taken out of its text. Whether it calls something stale."""
    text, marks = clause.text, set()
    for name in ("last", "next", "only", "avoid", "prefer", "not"):
        pattern = table[f"stance.{name}"]
        match = pattern.search(text)
        if match:
            marks.add(name)
            clause.trailing |= bool(set(re.findall(r"\w+|[\x00◆]", text[: match.start()])) - table.stop)
            text = pattern.sub(_spaces, text)
    stale = table["time.stale"].search(text) is not None
    clause.text = table["time.stale"].sub(_spaces, text)
    clause.follows = "next" in marks
    if clause.certain:
        return False
    clause.stance = _stance(marks)
    oldest = stale and clause.stance is not None
    if stale and not clause.stance:
        clause.stance = "avoid"
        clause.trailing = True
    clause.certain = clause.stance is not None
    return oldest


def _stance(marks: set[str]) -> Strength | None:
    """What a clause wishes by the sorts of its cues; "do not avoid" is a wish for it."""
    if "avoid" in marks and "last" not in marks:
        return "prefer" if "not" in marks and not marks & {"prefer", "only"} else "avoid"
    if marks & {"last", "not"}:
        return "avoid"
    if "only" in marks:
        return "only"
    return "prefer" if marks & {"prefer", "next"} else None


def inherit(clauses: list[Clause], sentence: str, table: Cues) -> None:
    """Parts of a list say nothing themselves: they follow what came before, else what comes; a clause with a subject
    of its own does not, nor does anything across a semicolon."""
    open_ended = [not clause.certain and not _alone(clause, table) for clause in clauses]
    for index in range(1, len(clauses)):
        if open_ended[index] and not clauses[index].stance and not _parted(clauses, index, sentence):
            before = clauses[index - 1]
            spoken_of = before.named or before.asked or not before.rest or index < 2
            clauses[index].stance = (before if spoken_of else clauses[index - 2]).stance
    for index in range(len(clauses) - 2, -1, -1):
        clause, after = clauses[index], clauses[index + 1]
        listed = open_ended[index] and not clause.stance and _length(clause.text) <= _LISTED
        if (
            listed
            and (after.trailing or not (after.named or after.asked))
            and not _parted(clauses, index + 1, sentence)
        ):
            clause.stance, clause.trailing = after.stance, True
    spoken = any(clause.stance and MASK in clause.text for clause in clauses)
    for clause in clauses:
        bare = _length(clause.text) <= _BARE_WORDS and named_in(clause.text.lower()) and not _alone(clause, table)
        if clause.stance is None and ((MASK in clause.text and not spoken) or bare):
            clause.stance = "prefer"  # "Runbooks!", or a name that the documents bear


def _length(text: str) -> int:
    """How many words; Japanese, which has no spaces, is counted by threes of characters."""
    return len(text.split()) + sum(character > "\u3040" for character in text) // 3


def _alone(clause: Clause, table: Cues) -> bool:
    return any(word in table.subjects for word in re.findall(r"[\w']+", clause.text))


def _parted(clauses: list[Clause], index: int, sentence: str) -> bool:
    before = clauses[index - 1]
    return bool(re.search(r"[;:]", sentence[before.start + len(before.text) : clauses[index].start]))


def number(clauses: list[Clause], sentence: str, tier: int, ordered: bool) -> int:
    """Number the clauses by what comes first; returns the last number given out in the instruction so far."""
    number = _NUMBERED.match(sentence)
    here = int(number[1]) - 1 if number else 0
    for position, clause in enumerate(clauses):
        if clause.follows:
            here = max(tier, here) + 1
        elif ordered and any(before.named or before.asked for before in clauses[:position]):
            here += 1
        clause.tier = here
        tier = max(tier, here)
    return tier
