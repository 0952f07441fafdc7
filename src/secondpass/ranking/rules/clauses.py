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
_LISTED, _JOINED = 5, 8
"""Words that a part of a list has at most, after a comma and before "or"; longer ones are clauses of their own."""

_NAMED_WORDS = 9
"""Words that a clause has at most for a name of the documents in it to be a wish, and no part of a story."""

_BARE_WORDS = 3
"""Words that a clause has at most for a family's name in it to be a wish."""

_OR = re.compile(r"\b(?:or|nor|oder|noch|ou|ni|o|u)\b|か")
_PRONOUNS = re.compile(r"\s*(?:them|those|these|it|that|all|others?|everything|sie|diese|eux|ellos)?[\s.!?]*")
_SIDES: tuple[tuple[str, tuple[Strength, Strength]], ...] = (
    ("over", ("prefer", "avoid")),
    ("under", ("avoid", "prefer")),
)
_WHOLE = ("stance.only", "stance.avoid", "version.latest", "version.oldest", "version.from", "version.below")
"""Cues that nothing in them cuts."""

_BARE = ("not", "nicht", "pas", "no", "than", "als", "que")
_EVERYTHING = re.compile(r"\b(?:everything|anything|all|alles|tout|todo)\b")


class Named(NamedTuple):
    """What a clause names, and the rule's kind that asks for it."""

    text: str
    kind: Kind


@dataclass(slots=True)
class Clause:
    """A stretch of a sentence with one wish: `stance` and `tier` where its own words say so.

    `stale`: it calls something stale, and takes no stance by itself. `last`: it comes after
    all else. `sums`: it speaks of what the clauses before it named ("neither is of use"); `others`: of all but those.
    """

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
    sums: bool = False
    others: bool = False
    stale: bool = False
    last: bool = False


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
    """What a clause's own cues wish; they are taken out of its text. Whether it asks for or against what is stale."""
    text, marks = clause.text, set()
    clause.sums, clause.others = (bool(table[f"split.{name}"].search(text)) for name in ("sums", "others"))
    for name in ("last", "next", "only", "avoid", "prefer", "not"):
        pattern = table[f"stance.{name}"]
        match = pattern.search(text)
        if match:
            marks.add(name)
            clause.trailing |= bool(set(re.findall(r"\w+|[\x00◆]", text[: match.start()])) - table.stop)
            text = pattern.sub(_spaces, text)
    stale = table["time.stale"].search(text) is not None
    lapsed = stale and table["time.lapsed"].search(text) is not None
    clause.text = table["time.stale"].sub(_spaces, text)
    clause.follows, clause.last = "next" in marks, "last" in marks
    if clause.certain:
        return False
    clause.stance = _stance(marks)
    clause.stale = stale and not clause.stance
    if clause.stale:
        clause.stance = "avoid"
        clause.trailing = True
    clause.certain = clause.stance is not None
    return lapsed or (stale and not clause.stale)


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
        if table["split.measure"].match(clause.text) and table["split.measure"].match(after.text):
            clause.stance, clause.trailing = after.stance or clause.stance, True  # "the dustier, the further down"
            continue
        spoken_of = after.certain and not (after.named or after.asked or _begins_anew(after, table))
        between = sentence[clause.start + len(clause.text) : after.start]
        joined = _OR.search(between)
        short = _length(clause.text) <= (_JOINED if joined else _LISTED) or (
            spoken_of and table["split.subject"].match(clause.text)
        )
        listed = open_ended[index] and not clause.stance and short and not (after.last and "," in between)
        if (
            listed
            and (after.trailing or not (after.named or after.asked))
            and not _parted(clauses, index + 1, sentence)
        ):
            clause.stance, clause.trailing = after.stance, True
    _told_of_the_stale(clauses, table)
    for index, clause in enumerate(clauses):
        if clause.sums and clause.stance:
            for before in clauses[:index]:
                before.stance = before.stance if before.certain else clause.stance
    spoken = any(clause.stance and MASK in clause.text for clause in clauses)
    for clause in clauses:
        bare = _length(clause.text) <= _BARE_WORDS and named_in(clause.text.lower()) and not _alone(clause, table)
        short = _length(clause.text) <= _NAMED_WORDS
        if clause.stance is None and ((MASK in clause.text and short and not spoken) or bare):
            clause.stance = "prefer"  # "Runbooks!", or a name that the documents bear


def _told_of_the_stale(clauses: list[Clause], table: Cues) -> None:
    """ "Pages that were revoked are what I want": stale things are shunned, unless what follows tells otherwise."""
    for index, clause in enumerate(clauses):
        after = [each for each in clauses[index + 1 :] if not (each.named or each.asked or _begins_anew(each, table))]
        telling = [each for each in after if each.certain and not each.stale]
        before = [each for each in clauses[:index] if each.stance == "prefer" and _asks_for_lapsed(each)]
        if clause.stale and (telling or before):
            clause.stance = (telling or before)[0].stance


def _asks_for_lapsed(clause: Clause) -> bool:
    return any(rule.asks == "lapsed" for rule in clause.asked)


def _begins_anew(clause: Clause, table: Cues) -> bool:
    words = re.findall(r"[\w']+", clause.text)
    return bool(words) and words[0] in table.subjects


def _length(text: str) -> int:
    """How many words; Japanese, which has no spaces, is counted by threes of characters."""
    return len(text.split()) + sum(character > "\u3040" for character in text) // 3


def _alone(clause: Clause, table: Cues) -> bool:
    """Whether a clause has a subject of its own; its last word is an object: "the firm that makes it"."""
    return any(word in table.subjects for word in re.findall(r"[\w']+", clause.text)[:-1])


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
