"""From an instruction's words to rules: sentences, clauses, what is wished of each, and in which order.

Knows sentences; documents are known only later. What gives no rule is told, so that a model can read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import pairwise

from secondpass.ranking.rules.cues import Cues, cues, language_of_instruction
from secondpass.ranking.rules.dates import Dated
from secondpass.ranking.rules.kinds import kind_of, named_in
from secondpass.ranking.rules.languages import languages
from secondpass.ranking.rules.moments import Moment, moments_in
from secondpass.ranking.rules.rule import Kind, Rule, Strength
from secondpass.ranking.rules.versions import find_versions

_SENTENCE = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!z\.b\.)(?<!no\.)\s+|[。!?\n]+|(?<=\s)(?=\(?\d[).]\s)", re.IGNORECASE
)
_MARKS = re.compile(r"[,;:()\[\]–—、·•]+|\s-\s")
_NUMBERED = re.compile(r"^\W*\(?([1-9])[).]\s")
_LISTED = 5
"""Words that a part of a list has at most; longer ones are clauses of their own."""

_PRONOUNS = re.compile(r"\s*(?:them|those|these|it|that|all|others?|everything|sie|diese|eux|ellos)?[\s.!?]*")
_SIDES: tuple[tuple[str, tuple[Strength, Strength]], ...] = (
    ("over", ("prefer", "avoid")),
    ("under", ("avoid", "prefer")),
)
_OTHERS = re.compile(r"\W*(?:the |all |any )*(?:others?|andere[nrsm]?|autres?|otr[oa]s)\b")
_BARE = ("not", "nicht", "pas", "no", "than", "als", "que")
_EVERYTHING = re.compile(r"\b(?:everything|anything|all|alles|tout|todo)\b")


@dataclass(slots=True)
class Clause:
    """A stretch of a sentence with one wish: `stance` and `tier` where its own words say so."""

    start: int
    text: str
    stance: Strength | None = None
    follows: bool = False
    named: list[str] = field(default_factory=list)
    asked: list[Rule] = field(default_factory=list)
    tier: int = 0
    certain: bool = False
    trailing: bool = False


def read(instruction: str, now: datetime | None) -> tuple[tuple[Rule, ...], str]:
    """The rules of an instruction, by priority, and the sentences that gave none, or none but labels."""
    table = cues(language_of_instruction(instruction))
    anchor: Dated | None = None
    rules: list[Rule] = []
    left: list[str] = []
    tier = 0
    ordered = bool(table["stance.order"].search(instruction.lower()))
    for start, end in _sentences(instruction):
        sentence = table["split.concession"].sub(_spaces, _lowered(instruction[start:end]))
        moments, anchor = moments_in(sentence, table, now, anchor)
        clauses = _clauses(sentence, moments, table)
        tier = _tiers(clauses, sentence, tier, ordered)
        found = [replace(rule, span=(rule.span[0] + start, rule.span[1] + start)) for rule in _rules(clauses)]
        if not found:
            _about_the_last(clauses, rules)
        # A label may be a topic, which only a model can tell: it is left to the model as well.
        if all(rule.kind == "label" for rule in found) and (found or not any(clause.certain for clause in clauses)):
            left.append(instruction[start:end].strip())
        rules.extend(found)
    return _finished(rules, instruction), " ".join(left)


def _spaces(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _lowered(text: str) -> str:
    """Lower case at the same length."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _SENTENCE.finditer(text):
        if text[start : match.start()].strip():
            yield start, match.start()
        start = match.end()
    if text[start:].strip():
        yield start, len(text)


def _clauses(sentence: str, moments: list[Moment], table: Cues) -> list[Clause]:
    """The sentence's clauses, with what each of them says of its stance, of time, of versions and of languages."""
    blank = list(sentence)
    for moment in moments:
        blank[moment.start : moment.end] = "\x00" * (moment.end - moment.start)
    text = "".join(blank)
    clauses = [part for start, piece in _pieces(text, table) for part in _compared(start, piece, table)]
    for clause in clauses:
        end = clause.start + len(clause.text)
        inside = [m for m in moments if clause.start <= m.start < end or (m.start < clause.start < m.end)]
        _stand(clause, table, bool(inside))
        clause.asked += [_in_time(moment, sentence) for moment in inside if clause.stance or not moment.loose]
        _about_versions(clause, table, sentence[clause.start : end])
        _about_languages(clause)
        clause.named = _names(clause.text, table)
    _without_exceptions(clauses)
    _inherit(clauses, sentence, table)
    return clauses


def _without_exceptions(clauses: list[Clause]) -> None:
    """ "A runbook for 2.x still beats a note for 3" says nothing of versions where what they are of differs."""
    for one, two in pairwise(clauses):
        compared = one.certain and two.certain and {one.stance, two.stance} == {"prefer", "avoid"}
        if compared and one.named and two.named and one.named != two.named:
            one.asked = [rule for rule in one.asked if rule.kind != "version"]
            two.asked = [rule for rule in two.asked if rule.kind != "version"]


def _pieces(text: str, table: Cues) -> Iterator[tuple[int, str]]:
    cuts = sorted(
        [match.span() for match in _MARKS.finditer(text)]
        + [match.span() for name in ("clause", "list") for match in table[f"split.{name}"].finditer(text)]
    )
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
            yield Clause(start + match.end(), _EVERYTHING.sub(" ", right), second, certain=True)
            return
    yield Clause(start, text)


def _compares(left: str, cue: str, right: str, table: Cues) -> bool:
    """Whether a cue stands between two things that are compared, and not in the middle of a story."""
    if _PRONOUNS.fullmatch(right):
        return False
    if cue in _BARE:
        return bool(table["stance.prefer"].search(left)) and not table["stance.prefer"].search(right)
    return cue not in ("before", "vor", "avant") or not any(word in table.subjects for word in left.split())


def _stand(clause: Clause, table: Cues, dated: bool) -> None:
    """What a clause's own cues wish; they are taken out of its text."""
    text, marks = clause.text, set()
    for name in ("last", "next", "avoid", "only", "prefer", "not"):
        pattern = table[f"stance.{name}"]
        match = pattern.search(text)
        if match:
            marks.add(name)
            clause.trailing |= bool(_names(text[: match.start()], table)) or dated
            text = pattern.sub(_spaces, text)
    stale = table["time.stale"].search(text)
    clause.text = table["time.stale"].sub(_spaces, text)
    clause.follows = "next" in marks
    if clause.certain:
        return
    negated = "not" in marks
    if "last" in marks:
        clause.stance = "avoid"
    elif "avoid" in marks:
        clause.stance = "avoid" if not (negated and "prefer" not in marks and "only" not in marks) else "prefer"
    elif negated:
        clause.stance = "avoid"
    elif "only" in marks:
        clause.stance = "only"
    elif "prefer" in marks or "next" in marks:
        clause.stance = "prefer"
    if stale and clause.stance:
        clause.asked.append(_rule("recency", "oldest", (), clause, *stale.span()))
    elif stale:
        clause.stance = "avoid"
        clause.trailing = True
    clause.certain = clause.stance is not None


def _inherit(clauses: list[Clause], sentence: str, table: Cues) -> None:
    """Parts of a list say nothing themselves: they follow what came before, else what comes; a clause with a subject
    of its own does not, nor does anything across a semicolon."""
    open_ended = [not clause.certain and not _alone(clause, table) for clause in clauses]
    for index in range(1, len(clauses)):
        if open_ended[index] and not clauses[index].stance and not _parted(clauses, index, sentence):
            clauses[index].stance = clauses[index - 1].stance
    for index in range(len(clauses) - 2, -1, -1):
        clause, after = clauses[index], clauses[index + 1]
        listed = open_ended[index] and not clause.stance and _length(clause.text) <= _LISTED
        if (
            listed
            and (after.trailing or not (after.named or after.asked))
            and not _parted(clauses, index + 1, sentence)
        ):
            clause.stance, clause.trailing = after.stance, True
    first = clauses[0] if clauses else None
    if first and not first.stance and open_ended[0] and _length(first.text) <= _LISTED and named_in(first.text.lower()):
        first.stance = "prefer"  # "Runbooks!"


def _length(text: str) -> int:
    """How many words; Japanese, which has no spaces, is counted by threes of characters."""
    return len(text.split()) + sum(character > "\u3040" for character in text) // 3


def _alone(clause: Clause, table: Cues) -> bool:
    return any(word in table.subjects for word in re.findall(r"[\w']+", clause.text))


def _parted(clauses: list[Clause], index: int, sentence: str) -> bool:
    before = clauses[index - 1]
    return bool(re.search(r"[;:]", sentence[before.start + len(before.text) : clauses[index].start]))


def _tiers(clauses: list[Clause], sentence: str, tier: int, ordered: bool) -> int:
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


def _in_time(moment: Moment, sentence: str) -> Rule:
    words = sentence[moment.start : moment.end].strip()
    if moment.asks != "between":
        return Rule("recency", moment.asks, (), span=(moment.start, moment.end), words=words)
    low, high = (date.fromordinal(day).isoformat() if day else "" for day in moment.window)
    return Rule("recency", "between", (low, high), span=(moment.start, moment.end), words=words)


def _about_versions(clause: Clause, table: Cues, said: str) -> None:
    """The versions that a clause asks for; `said` is all of it, of which "the latest" may be taken out already."""
    text = clause.text
    for name, asks in (("latest", "newest"), ("oldest", "oldest")):
        clause.asked += [
            _rule("version", asks, (), clause, *match.span()) for match in table[f"version.{name}"].finditer(said)
        ]
    for version in find_versions(text):
        around = text[: version.start][-24:], text[version.end :][:24]
        asks = "equal"
        if table["version.from"].match(around[1].lstrip()) or table["version.at_least"].search(around[0]):
            asks = "at least"
        elif table["version.below"].match(around[1].lstrip()) or table["version.at_most"].search(around[0]):
            asks = "at most"
        named = ".".join(map(str, version.numbers))
        clause.asked.append(_rule("version", asks, (named,), clause, version.start, version.end))
        text = text[: version.start] + " " * (version.end - version.start) + text[version.end :]
    for name in ("stable", "prerelease"):
        clause.asked += [
            _rule("version", name, (), clause, *match.span()) for match in table[f"version.{name}"].finditer(text)
        ]
        text = table[f"version.{name}"].sub(_spaces, text)
    clause.text = text


def _about_languages(clause: Clause) -> None:
    codes = []
    for language in languages():
        match = language.names.search(clause.text)
        if match:
            codes.append((language.code, *match.span()))
    for code, start, end in codes:
        clause.asked.append(_rule("language", "is", (code,), clause, start, end))
        clause.text = clause.text[:start] + " " * (end - start) + clause.text[end:]


def _rule(kind: Kind, asks: str, values: tuple[str, ...], clause: Clause, start: int, end: int) -> Rule:
    span = (clause.start + start, clause.start + end)
    return Rule(kind, asks, values, span=span, words=clause.text[start:end].strip())


def _names(text: str, table: Cues) -> list[str]:
    """What is left of a clause when cues and empty words are gone: the name of a source or of a type.

    "Other teams" names nothing: whom it means depends on whom else was named.
    """
    if _OTHERS.match(text):
        return []
    words = re.findall(r"[\w#~@&./'’-]*\w", text.replace("\x00", " "))
    if table.language == "ja":
        stretches = re.findall(r"[一-鿿ァ-ヺーA-Za-z0-9々]{2,}", text)
        kept = [stretch for stretch in stretches if stretch not in table.stop]
    else:
        kept = [word for word in words if word.strip("'’").lower() not in table.stop and len(word) > 1]
    return [" ".join(kept)] if kept else []


def _rules(clauses: list[Clause]) -> list[Rule]:
    """A rule for each run of clauses that wish the same, and the rules of time, version and language in them."""
    rules: list[Rule] = []
    for clause in clauses:
        strength = clause.stance or "prefer"
        rules.extend(replace(rule, strength=strength, priority=clause.tier) for rule in clause.asked)
        if clause.stance is None or not clause.named:
            continue
        kind = _kind(clause.named)
        span = (clause.start, clause.start + len(clause.text))
        last = rules[-1] if rules else None
        if last and last.asks == "names" and (last.strength, last.priority) == (strength, clause.tier) and (
            kind == last.kind or "label" in (kind, last.kind)
        ):  # fmt: skip
            joined = kind if last.kind == "label" else last.kind
            rules[-1] = replace(last, kind=joined, values=(*last.values, *clause.named), span=(last.span[0], span[1]))
        else:
            rules.append(Rule(kind, "names", tuple(clause.named), clause.tier, strength, span))
    return rules


def _kind(names: list[str]) -> Kind:
    kinds = {kind_of(family) for name in names for family in named_in(name.lower())}
    if "source" in kinds and "type" not in kinds:
        return "source"
    return "type" if kinds else "label"


def _about_the_last(clauses: list[Clause], rules: list[Rule]) -> None:
    """A sentence that only takes a stance, as in "Don't lead with them", speaks of what was said just before."""
    stances = {clause.stance for clause in clauses if clause.certain}
    if stances == {"avoid"} and rules and rules[-1].kind == "recency" and rules[-1].strength == "prefer":
        rules[-1] = replace(rules[-1], strength="avoid")


def _finished(rules: list[Rule], instruction: str) -> tuple[Rule, ...]:
    """Without doubles and what only dates a story; the newest or oldest is looked for among what all else leaves."""
    kept: list[Rule] = []
    for rule in rules:
        words = instruction[slice(*rule.span)].strip(" \x00,;:.")
        same = any(
            (r.kind, r.asks, r.values, r.strength) == (rule.kind, rule.asks, rule.values, rule.strength) for r in kept
        )
        if not same:
            kept.append(replace(rule, words=words))
    kept = _without_contradictions(kept)
    others = [rule.priority for rule in kept if rule.asks not in ("newest", "oldest")]
    return tuple(
        sorted(
            (
                replace(rule, priority=max(others) + 1)
                if others and rule.asks in ("newest", "oldest") and rule.priority == 0 and max(others) == 0
                else rule
                for rule in kept
            ),
            key=lambda rule: rule.priority,
        )
    )


def _without_contradictions(rules: list[Rule]) -> list[Rule]:
    """Of wishes for both ends of time, those that ask for one before those that shun one, then the newest."""
    ends = [rule for rule in rules if rule.kind == "recency" and rule.asks in ("newest", "oldest")]
    wanted = {_wanted(rule) for rule in ends}
    if len(wanted) < 2:
        return rules
    positive = [_wanted(rule) for rule in ends if rule.strength != "avoid"]
    kept = positive[0] if positive else "newest"
    return [rule for rule in rules if rule not in ends or _wanted(rule) == kept]


def _wanted(rule: Rule) -> str:
    """The end of time that a rule comes down to: who shuns the oldest wants the newest."""
    return rule.asks if rule.strength != "avoid" else {"newest": "oldest", "oldest": "newest"}[rule.asks]
