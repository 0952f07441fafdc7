"""From an instruction's words to rules: sentences, clauses, what is wished of each, and in which order.

Knows sentences, and the names that the documents bear. What gives no rule is told, so that a model can read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import groupby, pairwise

from secondpass.ranking.rules.clauses import MASK, Clause, Named, inherit, masked, number, split, stand
from secondpass.ranking.rules.cues import Cues, cues, language_of_instruction, stop_words
from secondpass.ranking.rules.dates import Dated, words_of
from secondpass.ranking.rules.kinds import kind_of, named_in
from secondpass.ranking.rules.languages import languages
from secondpass.ranking.rules.moments import Moment, moments_in
from secondpass.ranking.rules.rule import Kind, Rule
from secondpass.ranking.rules.settled import settled
from secondpass.ranking.rules.versions import find_versions
from secondpass.ranking.rules.vocabulary import Use, Vocabulary

_MONTHS = rf"(?:{words_of('months')})\b"  # "1. Mai" ends no sentence
_SENTENCE = re.compile(
    rf"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!z\.b\.)(?<!no\.)\s+(?!{_MONTHS})|[。!?\n]+"
    rf"|(?<!release )(?<!version )(?<=\s)(?=\(?\d[).]\s(?!{_MONTHS}))",
    re.IGNORECASE,
)
_JOINED = re.compile(r"(?<=\bpre)-(?=\d)|(?<=\bpost)-(?=\d)")
_BRIEF = 6
"""Words of a sentence at most that only takes a stance, and so speaks of what was said before it."""

_OTHERS = re.compile(r"\W*(?:the |all |any )*(?:others?|andere[nrsm]?|autres?|otr[oa]s)\b")


def read(instruction: str, now: datetime | None, vocabulary: Vocabulary) -> tuple[tuple[Rule, ...], str]:
    """The rules of an instruction, by priority, and the sentences that gave none, or none but labels."""
    uses = vocabulary.uses(instruction, stop_words())
    hidden = _hidden(instruction, uses)
    table = cues(language_of_instruction(hidden))
    anchor: Dated | None = None
    rules: list[Rule] = []
    dates: list[Rule] = []
    left: list[str] = []
    told: set[tuple[int, int]] = set()
    tier = 0
    ordered = bool(table["stance.order"].search(instruction.lower()))
    sentences = list(_sentences(hidden))
    for start, end in sentences:
        sentence = _JOINED.sub(" ", table["split.concession"].sub(_spaces, _without_copies(hidden[start:end], table)))
        here = [Use(u.start - start, u.end - start, u.kind) for u in uses if start <= u.start < end]
        moments, anchor = moments_in(_without_versions(sentence, table), table, now, anchor)
        clauses = _clauses(sentence, moments, table, _Names(instruction[start:end].lower(), here, vocabulary, table))
        tier = number(clauses, sentence, tier, ordered)
        found = [_shifted(rule, start) for rule in _rules(clauses)]
        told |= {_shifted(rule, start).span for c in clauses if c.stance is None for rule in c.asked}
        dates += [_shifted(_in_time(moment, sentence), start) for moment in moments if moment.loose]
        found += _against_the_last(clauses, [use for use in uses if use.start < end], instruction, [*rules, *found])
        if not found and len(sentence.split()) <= _BRIEF:
            _about_the_last(clauses, rules)
        # A label may be a topic, which only a model can tell: it is left to the model as well.
        if all(rule.kind == "label" for rule in found) and (found or not any(clause.certain for clause in clauses)):
            left.append(instruction[start:end].strip())
        rules.extend(found)
    alone = _only_dates(dates) if len(sentences) == 1 else []  # of several sentences one may be a story
    return settled(_wished(rules, told) or alone, instruction), " ".join(left)


def _wished(rules: Sequence[Rule], told: set[tuple[int, int]]) -> list[Rule]:
    """Without the windows of a story, with spans in `told`, that have no day in common with one that is wished for."""
    windows = [r.days for r in rules if r.asks == "between" and r.strength != "avoid" and r.span not in told]
    return [
        rule
        for rule in rules
        if rule.asks != "between"
        or rule.span not in told
        or all(rule.days[0] <= high and low <= rule.days[1] for low, high in windows)
    ]


def _only_dates(dates: Sequence[Rule]) -> list[Rule]:
    """ "year: 2019": where nothing else is asked, a date is, if it is the only one."""
    return [rule for rule in dates if rule.asks == "between"] if len({rule.values for rule in dates}) == 1 else []


def _shifted(rule: Rule, by: int) -> Rule:
    return replace(rule, span=(rule.span[0] + by, rule.span[1] + by))


def _hidden(instruction: str, uses: Sequence[Use]) -> str:
    """The instruction in lower case, with the documents' names masked, and the dots that end an abbreviation."""
    text = _lowered(instruction)
    for use in uses:
        short = re.search(r"(?<!\w)\w{1,4}$", instruction[: use.end])
        dotted = short and re.match(r"\.(?=\s+[a-zà-ÿ(]|[,;:])", instruction[use.end :])
        end = use.end + (1 if dotted else 0)
        text = text[: use.start] + MASK * (end - use.start) + text[end:]
    return text


_PARTS = (
    re.compile(r"[^,;:]+"),
    re.compile(r"(?:(?!, (?:and|so|nor|but|or|und|denn|aber|et|mais|y|pero|así)\b)[^;:])+"),
)
"""Stretches of a sentence that may speak of copies: what stands between marks, then what conjunctions part."""


def _without_copies(sentence: str, table: Cues) -> str:
    """The sentence without what says that a copy's day means nothing: "a scan does not make it young"."""
    for stretches in _PARTS:
        sentence = stretches.sub(lambda part: _without_a_copy(part[0], table), sentence)
    return sentence


def _without_a_copy(part: str, table: Cues) -> str:
    copied = table["split.copied"].search(part) and table["split.idle"].search(part)
    return masked(part) if copied else part


def _without_versions(sentence: str, table: Cues) -> str:
    """The sentence without "the latest version": that is no date."""
    then = [match.span() for match in table["time.newest_then"].finditer(sentence)]
    for name in ("oldest", "latest"):
        sentence = table[f"version.{name}"].sub(
            lambda match: match[0] if any(low <= match.start() < high for low, high in then) else masked(match[0]),
            sentence,
        )
    return sentence


def _spaces(match: re.Match[str]) -> str:
    return masked(match[0])


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


def _clauses(sentence: str, moments: list[Moment], table: Cues, names: _Names) -> list[Clause]:
    """The sentence's clauses, with what each of them says of its stance, of time, of versions and of languages."""
    blank = list(sentence)
    for moment in moments:
        blank[moment.start : moment.end] = "\x00" * (moment.end - moment.start)
    clauses = split("".join(blank), table)
    for clause in clauses:
        end = clause.start + len(clause.text)
        inside = [m for m in moments if clause.start <= m.start < end or (m.start < clause.start < m.end)]
        _about_versions(clause, table, table["time.newest_then"].sub(_spaces, sentence)[clause.start : end])
        if stand(clause, table):
            clause.asked.append(Rule("recency", "lapsed", span=(clause.start, end)))
        clause.asked += [_in_time(moment, sentence) for moment in inside if clause.stance or not moment.loose]
        _about_languages(clause)
        clause.named = names.of(clause)
    _without_exceptions(clauses)
    inherit(clauses, sentence, table)
    return clauses


def _without_exceptions(clauses: list[Clause]) -> None:
    """ "A runbook for 2.x still beats a note for 3" says nothing of versions where what they are of differs."""
    for one, two in pairwise(clauses):
        compared = one.certain and two.certain and {one.stance, two.stance} == {"prefer", "avoid"}
        if compared and one.named and two.named and one.named != two.named:
            one.asked = [rule for rule in one.asked if rule.kind != "version"]
            two.asked = [rule for rule in two.asked if rule.kind != "version"]


def _in_time(moment: Moment, sentence: str) -> Rule:
    words = sentence[moment.start : moment.end].strip()
    if moment.asks != "between":
        return Rule("recency", moment.asks, (), span=(moment.start, moment.end), words=words)
    low, high = (date.fromordinal(day).isoformat() if day else "" for day in moment.window)
    return Rule("recency", "between", (low, high), span=(moment.start, moment.end), words=words)


def _about_versions(clause: Clause, table: Cues, said: str) -> None:
    """The versions that a clause asks for; `said` is all of it, of which dates may be taken out already."""
    text = clause.text
    for name, asks in (("oldest", "oldest"), ("latest", "newest")):
        clause.asked += [
            _rule("version", asks, (), clause, *match.span()) for match in table[f"version.{name}"].finditer(said)
        ]
        said, text = (table[f"version.{name}"].sub(_spaces, each) for each in (said, text))
    for version in find_versions(text):
        around = text[: version.start][-24:], text[version.end :][:24]
        asks = "equal"
        if table["version.from"].match(around[1].lstrip()) or table["version.at_least"].search(around[0]):
            asks = "at least"
        elif table["version.below"].match(around[1].lstrip()) or table["version.at_most"].search(around[0]):
            asks = "at most"
        text = _without_bound(text, version.start, table)
        named = ".".join(map(str, version.numbers))
        clause.asked.append(_rule("version", asks, (named,), clause, version.start, version.end))
        text = text[: version.start] + " " * (version.end - version.start) + text[version.end :]
    for name in ("stable", "prerelease"):
        clause.asked += [
            _rule("version", name, (), clause, *match.span()) for match in table[f"version.{name}"].finditer(text)
        ]
        text = table[f"version.{name}"].sub(_spaces, text)
    clause.text = text


def _without_bound(text: str, at: int, table: Cues) -> str:
    """`text` without the words right before a version that bound it: "below 2.10" puts nothing below."""
    for name in ("version.at_least", "version.at_most"):
        for match in table[name].finditer(text[:at]):
            if not text[match.end() : at].strip():
                text = text[: match.start()] + masked(match[0]) + text[match.end() :]
    return text


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


class _Names:
    """What a sentence names: the documents' own names, where they are used, and what else they know."""

    def __init__(self, sentence: str, uses: Sequence[Use], vocabulary: Vocabulary, table: Cues) -> None:
        self._sentence, self._uses, self._vocabulary, self._table = sentence, uses, vocabulary, table

    def of(self, clause: Clause) -> list[Named]:
        """The names in a clause: whole ones, then what is left when cues and empty words are gone.

        That must be of a known family, or known to some document. "Other teams" names nothing: whom it means depends
        on whom else was named.
        """
        end = clause.start + len(clause.text)
        found = [
            Named(self._sentence[use.start : use.end], use.kind)
            for use in self._uses
            if clause.start <= use.start < end and clause.text[use.start - clause.start] == MASK
        ]
        rest = _residue(clause.text.replace(MASK, " "), self._table)
        if rest and not _OTHERS.match(clause.text) and self._counts(rest, found):
            found.append(Named(rest, _kind(rest)))
        return found

    def _counts(self, rest: str, found: Sequence[Named]) -> bool:
        kind = _kind(rest)
        if kind in {name.kind for name in found} or (found and kind == "label"):
            return False
        return self._vocabulary.knows(rest) if self._vocabulary.names else kind != "label"


def _residue(text: str, table: Cues) -> str:
    if table.language == "ja":
        stretches = re.findall(r"[一-鿿ァ-ヺーA-Za-z0-9々]{2,}", text)
        return " ".join(stretch for stretch in stretches if stretch not in table.stop)
    words = re.findall(r"[\w#~@&./'’-]*\w", text.replace("\x00", " "))
    return " ".join(word for word in words if word.strip("'’").lower() not in table.stop and len(word) > 1)


def _kind(phrase: str) -> Kind:
    kinds = {kind_of(family) for family in named_in(phrase.lower())}
    if "source" in kinds and "type" not in kinds:
        return "source"
    return "type" if kinds else "label"


def _rules(clauses: list[Clause]) -> list[Rule]:
    """A rule for each run of clauses that wish the same, and the rules of time, version and language in them."""
    rules: list[Rule] = []
    for clause in clauses:
        strength = clause.stance or "prefer"
        rules.extend(replace(rule, strength=strength, priority=clause.tier) for rule in clause.asked)
        if clause.stance is None:
            continue
        span = (clause.start, clause.start + len(clause.text))
        for kind, named in groupby(clause.named, key=lambda name: name.kind):
            values = tuple(name.text for name in named)
            last = rules[-1] if rules else None
            if last and last.asks == "names" and (last.strength, last.priority) == (strength, clause.tier) and (
                kind == last.kind or "label" in (kind, last.kind)
            ):  # fmt: skip
                joined = kind if last.kind == "label" else last.kind
                rules[-1] = replace(last, kind=joined, values=(*last.values, *values), span=(last.span[0], span[1]))
            else:
                rules.append(Rule(kind, "names", values, clause.tier, strength, span))
    return rules


def _against_the_last(
    clauses: Sequence[Clause], uses: Sequence[Use], instruction: str, rules: Sequence[Rule]
) -> list[Rule]:
    """ "Someone else may speak": against the source that was named last, where none is asked for."""
    asking = [c for c in clauses if c.others and c.stance in ("prefer", "only") and not c.named]
    if not asking or any(rule.kind == "source" and rule.asks == "names" for rule in rules):
        return []
    last = next((use for use in reversed(uses) if use.kind == "source"), None)
    if last is None:
        return []
    name = instruction[last.start : last.end]
    return [Rule("source", "names", (name.lower(),), asking[0].tier, "avoid", (last.start, last.end), name)]


def _about_the_last(clauses: list[Clause], rules: list[Rule]) -> None:
    """A sentence that only takes a stance, as in "Don't lead with them", speaks of what was said just before."""
    stances = {clause.stance for clause in clauses if clause.certain}
    if stances == {"avoid"} and rules and rules[-1].kind == "recency" and rules[-1].strength == "prefer":
        rules[-1] = replace(rules[-1], strength="avoid")
