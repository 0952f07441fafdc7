"""What an instruction is understood to ask, in five languages, and what that does to a list."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secondpass.ranking.candidates import Candidates
from secondpass.ranking.gate import gate
from secondpass.ranking.rules import SWING, understand
from secondpass.ranking.rules.profile import names_of, profile_of
from secondpass.ranking.rules.understood import LIMIT
from secondpass.ranking.rules.vocabulary import Vocabulary
from secondpass.types import AnyDocument, Document

NOW = datetime(2026, 6, 22, tzinfo=UTC)

WORDINGS = [
    ("Prefer the newest documents.", "prefer recency newest"),
    ("Rank older documents first.", "prefer recency oldest"),
    ("The fresher the better.", "prefer recency newest"),
    ("Only show results published after March 2021.", "only recency from 2021-04-01 on"),
    ("Exclude anything older than 2019.", "avoid recency up to 2018-12-31"),
    ("Nothing after 2010, please.", "avoid recency from 2011-01-01 on"),
    ("Give preference to documents from the last 18 months.", "prefer recency from 2024-12-21 on"),
    ("Documents between 2015 and 2018 are preferred.", "prefer recency from 2015-01-01 to 2018-12-31"),
    ("Prefer documents dated 2022.", "prefer recency from 2022-01-01 to 2022-12-31"),
    ("Content from before the merger (2 May 2020) is obsolete.", "avoid recency up to 2020-05-01"),
    ("I want peer-reviewed sources rather than blogs.", "prefer source peer-reviewed"),
    ("I want peer-reviewed sources rather than blogs.", "avoid source blogs"),
    ("Do not show drafts.", "avoid type drafts"),
    ("Disregard aggregator sites.", "avoid source aggregator sites"),
    ("Use only version 2.1 of the documentation.", "only version equal 2.1"),
    ("Latest stable release, no betas.", "avoid version prerelease"),
    ("Pages for 2.10 or later, please.", "prefer version at least 2.10"),
    ("Anything below 2.10 is what I need.", "prefer version at most 2.10"),
    ("Lo escrito para la versión 2.10 o posterior.", "prefer version at least 2.10"),
    ("2.10か、それより大きい番号の版を優先してください。", "prefer version at least 2.10"),
    ("Only texts that have been adopted; drafts and proposals are no use.", "avoid type drafts, proposals"),
    ("Prefer content in German over English.", "prefer language de"),
    ("Prefer content in German over English.", "avoid language en"),
    ("Bevorzuge die neuesten Quellen.", "prefer recency newest"),
    ("Nur Dokumente ab 2020, bitte keine Blogs.", "only recency from 2020-01-01 on"),
    ("Offizielle Quellen vor Foren.", "avoid source foren"),
    ("Privilégie les sources officielles et récentes.", "prefer recency newest"),
    ("Ignore les blogs et les forums.", "avoid source blogs, forums"),
    ("Solo documentos posteriores a 2020.", "only recency from 2021-01-01 on"),
    ("新しい情報を優先してください。", "prefer recency newest"),
    ("2020年以降の文書を優先してください。", "prefer recency from 2020-01-01 on"),
    ("ブログは除いてください。", "avoid source ブログ"),
]


@pytest.mark.parametrize(("instruction", "rule"), WORDINGS)
def test_a_wording_is_understood(instruction: str, rule: str) -> None:
    assert rule in {str(one).partition(" (")[0] for one in understand(instruction, NOW).rules}


@pytest.mark.parametrize("instruction", [None, "", "  ", "include its side effects, such as bleeding"])
def test_without_a_rule_nothing_moves(instruction: str | None) -> None:
    understood = understand(instruction, NOW)
    assert not understood
    assert understood.moves(listed([dated("2020-01-01"), dated("2021-01-01")])) == {}
    assert understood.left == (instruction or "").strip()


def test_what_needs_a_day_is_left_without_one() -> None:
    understood = understand("Only documents from the last 18 months.")
    assert not any(rule.kind == "recency" for rule in understood.rules)
    assert understand("Prefer the newest.").rules


def test_order_of_priority_is_read() -> None:
    rules = understand("Most recent first; in case of a tie prefer official sources.", NOW).rules
    assert [(rule.kind, rule.priority) for rule in rules] == [("recency", 0), ("source", 1)]


def test_a_rule_says_where_it_was_read_and_is_json() -> None:
    instruction = "Please be kind. Exclude anything older than 2019."
    (rule,) = understand(instruction, NOW).rules
    assert instruction[slice(*rule.span)].strip() == rule.words == "older than 2019"
    assert rule.to_dict()["values"] == ["", "2018-12-31"]


def dated(day: str) -> Document:
    return Document("An answer.", metadata={"published": day})


def listed(documents: list[AnyDocument], logits: list[float] | None = None) -> Candidates:
    texts = [document.text if isinstance(document, Document) else str(document) for document in documents]
    values = np.array(logits if logits is not None else [2.0] * len(documents), dtype=np.float64)
    return Candidates("query", None, documents, texts, values, NOW)


def moved(instruction: str, documents: list[AnyDocument], logits: list[float] | None = None) -> np.ndarray:
    moves = understand(instruction, NOW).moves(listed(documents, logits))
    return np.sum(list(moves.values()), axis=0) if moves else np.zeros(len(documents))


def best(instruction: str, documents: list[AnyDocument], logits: list[float] | None = None) -> int:
    values = np.array(logits if logits is not None else [2.0] * len(documents))
    return int(np.argmax(values + moved(instruction, documents, logits)))


def test_the_newest_wins_against_small_differences() -> None:
    documents: list[AnyDocument] = [dated("2019-05-01"), dated("2024-05-01"), dated("2023-05-01")]
    assert best("Prefer the newest.", documents, [2.9, 2.0, 2.5]) == 1
    assert best("Prefer the oldest.", documents, [2.0, 2.9, 2.5]) == 0


def test_a_copys_date_is_not_the_documents() -> None:
    old = Document("An answer.", metadata={"published": "2010-01-01", "uploaded": "2026-01-01"})
    assert best("Newest first.", [old, dated("2020-01-01")]) == 1
    printed: list[AnyDocument] = ["Stand: 08/2021\nAbgerufen am 3. März 2026\n\nText.", "Stand: 02/2024\n\nText."]
    assert best("Das neueste zuerst.", printed) == 1


def test_a_date_in_the_body_is_not_the_documents() -> None:
    documents: list[AnyDocument] = [
        "Published 3 May 2019\n\nFrom 2026 on it will cost more.",
        "Published 3 May 2020\n\nIt costs.",
    ]
    assert best("Newest first.", documents) == 1


def test_a_source_is_known_by_its_metadata_and_not_by_being_quoted() -> None:
    documents: list[AnyDocument] = [
        Document("As the Harbor Gazette reports, it rains.", metadata={"source": "Daily Lantern"}),
        Document("It rains.", metadata={"source": "Harbor Gazette"}),
    ]
    assert best("Documents from Harbor Gazette should be ranked above those from Daily Lantern.", documents) == 1


def test_families_of_sources_are_known_without_their_words() -> None:
    documents: list[AnyDocument] = [
        Document("It is safe.", metadata={"site": "mybackyard-blog.example"}),
        Document("It is safe.", metadata={"publisher": "Ministry of Health"}),
    ]
    assert best("Prefer official sources.", documents) == 1
    assert best("I want to see what blogs say.", documents) == 0


def test_versions_are_numbers() -> None:
    documents: list[AnyDocument] = [Document("x", metadata={"version": v}) for v in ("2.9", "2.10", "3.0-rc1")]
    assert best("Prefer version 2.10.", documents) == 1
    assert best("Latest stable version, no pre-releases.", documents) == 1


def test_only_puts_silence_between_what_complies_and_what_does_not() -> None:
    moves = moved("Only documents after 2020.", [dated("2022-01-01"), Document("An answer."), dated("2010-01-01")])
    assert moves[0] > 0 == moves[1] > moves[2]


def test_an_irrelevant_document_never_wins_by_its_metadata() -> None:
    documents: list[AnyDocument] = [dated("2010-01-01"), dated("2011-01-01"), dated("2012-01-01"), dated("2026-01-01")]
    logits = np.array([2.0, 2.1, 2.2, -2.0])
    final = logits + moved("Prefer the newest.", documents, list(logits))
    assert final[3] < final[:3].min()


DAYS = st.lists(st.dates(date(1990, 1, 1), date(2026, 1, 1)), min_size=2, max_size=12)


@given(DAYS)
def test_newer_never_gets_less(days: list[date]) -> None:
    moves = moved("Prefer the newest.", [dated(day.isoformat()) for day in days])
    order = np.argsort([day.toordinal() for day in days])
    assert (np.diff(moves[order]) >= -1e-9).all()


@given(DAYS, st.lists(st.floats(-12, 12), min_size=12, max_size=12), st.sampled_from([rule for rule, _ in WORDINGS]))
def test_moves_are_bounded_and_missing_metadata_is_neutral(
    days: list[date], logits: list[float], instruction: str
) -> None:
    documents: list[AnyDocument] = [dated(day.isoformat()) for day in days]
    documents[0] = Document("")
    values = logits[: len(days)]
    moves = moved(instruction, documents, values)
    assert np.isfinite(moves).all()
    assert (np.abs(moves) <= SWING * LIMIT * max(1.0, float(np.ptp(values))) + 1e-9).all()
    assert moves[0] == 0


@given(DAYS, st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_matter(days: list[date], random: object) -> None:
    documents: list[AnyDocument] = [dated(day.isoformat()) for day in days]
    backwards = moved("Newest first, nothing before 2005.", documents[::-1])[::-1]
    assert np.allclose(moved("Newest first, nothing before 2005.", documents), backwards)


@settings(max_examples=60)
@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_makes_it_fail(instruction: str, text: str) -> None:
    documents: list[AnyDocument] = [text, Document(text, metadata={text[:9]: text}), {"text": text, "date": text[:20]}]
    understand(instruction, NOW).moves(listed(documents))
    understand(f"{instruction} newest before {text[:40]}", NOW).moves(listed(documents))
    understand("newest version 2 in German, official, after 2020", NOW).moves(listed(documents))


def bylined(name: str, **metadata: str) -> Document:
    return Document("An answer.", metadata={"publisher": name, **metadata})


PUBLISHERS: list[AnyDocument] = [
    bylined("Quarry & Sons Ltd"),
    bylined("Basalt News Agency"),
    bylined("Ministry of Tides"),
]


@pytest.mark.parametrize(
    ("instruction", "first"),
    [
        ("If there is anything by Basalt News Agency, show it on top.", 1),
        ("Please put what comes from Quarry & Sons Ltd first.", 0),
        ("I'd rather read what the Ministry of Tides says about it.", 2),
        ("Prefer Basalt News Agency to Ministry of Tides.", 1),
        ("Basalt News Agency vor Ministry of Tides.", 1),
        ("In an appeal nothing counts but Ministry of Tides, so the others have no place at the top.", 2),
        ("Nothing from Basalt News Agency or Ministry of Tides.", 0),
        ("Everyone but Quarry & Sons Ltd and Ministry of Tides.", 1),
        ("source: basalt news agency", 1),
        ("Show what news agencies say before anything else.", 1),
    ],
)
def test_a_name_that_the_documents_bear_is_one_name_in_any_wording(instruction: str, first: int) -> None:
    order = [1, 2, 0] if first == 0 else [0, 1, 2]
    listed_so = [PUBLISHERS[at] for at in order]
    rules = understand(instruction, NOW, listed_so)
    values = np.sum(list(rules.moves(listed(listed_so)).values()), axis=0)
    assert order[int(np.argmax(values))] == first


def test_someone_else_is_anyone_but_the_source_that_was_named_last() -> None:
    documents: list[AnyDocument] = [bylined("Brack Motors"), bylined("Ada Stone")]
    wish = "All that we have in the file was written at the branch office of Brack Motors. Someone else first."
    values = np.sum(list(understand(wish, NOW, documents).moves(listed(documents)).values()), axis=0)
    assert values[1] > values[0]


def test_a_name_or_a_date_in_a_story_is_no_wish() -> None:
    documents = [bylined("Brack Motors", published="2020-03-01"), bylined("Ada Stone", published="2024-03-01")]
    story = (
        "Last year my uncle bought a small blue van from the branch office of Brack Motors. He drove it for a month."
    )
    assert not understand(story, NOW, documents).rules


@pytest.mark.parametrize("instruction", ["They are good people.", "Prefer the Harbor Lantern.", "We had a dispute."])
def test_what_no_document_bears_is_no_rule(instruction: str) -> None:
    assert not understand(instruction, NOW, PUBLISHERS)


def test_the_noun_for_the_documents_is_no_label() -> None:
    documents: list[AnyDocument] = [Document("Text.", title=f"{n} Amendment") for n in ("First", "Second")]
    assert [str(rule) for rule in understand("only the newest amendments", NOW, documents).rules] == [
        "only recency newest (priority 0)"
    ]


TASKS = [
    "Given a web search query, retrieve relevant passages that answer the query",
    "Given a claim, find documents that refute the claim",
    "Retrieve duplicate questions from StackOverflow forum",
    "Judge whether the document is relevant to the search query",
    "I need how it is diagnosed: exams and tests; ignore anything else about this topic.",
    "Anything on this topic is fine except general background on what the condition is.",
    "Rank papers by how similar their method (the proposed or used technique, mechanism or procedure) is to the given"
    " paper. Ignore similarity of the problem or results.",
]


@pytest.mark.parametrize("instruction", TASKS)
def test_a_task_is_no_rule(instruction: str) -> None:
    documents: list[AnyDocument] = [
        Document("We propose a method.\nResults follow.", title="A method for diagnosis", metadata={"year": 2019}),
        Document("Exams and tests\n\nThe condition is diagnosed by a blood test.", title="What are the tests?"),
    ]
    assert not understand(instruction, NOW, documents)


@pytest.mark.parametrize("collection", ["train/medquad_instruct", "dev/csfcube"])
def test_instructions_that_name_an_aspect_give_no_rule(shared: Path, collection: str) -> None:
    rows = _rows(shared / "data" / collection / "corpus.jsonl.gz", 30)
    documents: list[AnyDocument] = [Document(row["text"], title=row.get("title") or None) for row in rows]
    told = {row["instruction"] for row in _rows(shared / "data" / collection / "queries.jsonl.gz", 1000)}
    assert told
    assert not [one for one in told if understand(one, NOW, documents)]


def _rows(path: Path, count: int) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in islice(lines, count)]


@pytest.mark.parametrize(
    ("instruction", "rule"),
    [
        ("Begin with the oldest text there is; the recent ones can follow.", "prefer recency oldest"),
        ("The law changed on 1 April 2022, so older texts go to the bottom.", "avoid recency up to 2022-03-31"),
        ("The dispute is about 2016. Texts of that year come before all others.", "prefer recency from 2016-01-01 to"),
        ("1) published since 2022-04-01 2) blogs before the others", "prefer recency from 2022-04-01 on"),
        ("Oldest version first.", "prefer version oldest"),
        ("Documentation of older releases may follow, but must not lead.", "avoid version oldest"),
        ("Mind that 2.10 is newer than 2.9: the most recent version goes first.", "prefer version newest"),
        ("Sort by version, ascending.", "prefer version oldest"),
        ("last 90 days only", "only recency from 2026-03-24 on"),
        ("2019+ only", "only recency from 2019-01-01 on"),
    ],
)
def test_a_wording_is_not_turned_into_its_opposite(instruction: str, rule: str) -> None:
    (only,) = [str(one) for one in understand(instruction, NOW).rules if one.kind in ("recency", "version")]
    assert only.startswith(rule)


def test_the_latest_release_of_texts_with_dates_alone_is_the_newest() -> None:
    assert best("Latest release first.", [dated("2019-05-01"), dated("2024-05-01")]) == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"source": "Basalt News Agency", "published": "3 May 2021", "text": "It rains."}',
        "<doc>\n<source>Basalt News Agency</source>\n<date>2021-05-03</date>\n<body>It rains.</body>\n</doc>",
        "[Basalt News Agency] [2021-05-03] It rains.",
        "Basalt News Agency › 2021-05-03 14:05 › Guideline\nIt rains.",
        '<article source="Basalt News Agency" date="2021-05-03">It rains.</article>',
    ],
)
def test_layouts_tell_source_and_date(text: str) -> None:
    profile = profile_of(text, text, NOW)
    assert profile.date
    assert date.fromordinal(profile.date.low) == date(2021, 5, 3)
    assert Vocabulary((names_of(text, text),)).uses("from Basalt News Agency", frozenset())


@given(
    DAYS,
    st.lists(st.floats(-12, 12), min_size=12, max_size=12),
    st.sampled_from([rule for rule, _ in WORDINGS]),
)
def test_nothing_that_does_not_answer_passes_what_does(days: list[date], logits: list[float], instruction: str) -> None:
    documents: list[AnyDocument] = [dated(day.isoformat()) for day in days]
    seen = listed(documents, logits[: len(days)])
    opened = gate(seen) > 0.5
    final = seen.logits + moved(instruction, documents, logits[: len(days)])
    for closed in np.flatnonzero(~opened):
        assert (final[opened] > final[closed]).all()
