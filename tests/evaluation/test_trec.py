"""TREC's files: judgements, topics as NIST writes them, and runs that survive a round trip."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.evaluation.collection import Query
from secondpass.evaluation.trec import read_qrels, read_run, read_topics, write_run

CLASSIC = """
<top>

<num> Number: 301
<title> International Organized Crime

<desc> Description:
Identify organizations that participate
in international criminal activity.

<narr> Narrative:
A relevant document must name them.

</top>
<top>
<num>302</num><title>Poliomyelitis and Post-Polio</title>
<desc>Is the disease under control?</desc>
</top>
"""


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_judgements_have_four_columns_parted_by_any_white_space(tmp_path: Path) -> None:
    path = _written(tmp_path, "301 0 FBIS3-1 1\n301\t0\tFBIS3-2\t0.5\n302 0 FBIS3-1  0\n")
    assert read_qrels(path) == {"301": {"FBIS3-1": 1, "FBIS3-2": 0.5}, "302": {"FBIS3-1": 0}}


def test_topics_are_read_with_closing_tags_and_without(tmp_path: Path) -> None:
    topics = read_topics(_written(tmp_path, CLASSIC))
    assert list(topics) == ["301", "302"]
    assert topics["301"].text == "International Organized Crime"
    assert topics["301"].metadata == {
        "description": "Identify organizations that participate in international criminal activity.",
        "narrative": "A relevant document must name them.",
    }
    assert topics["302"].metadata == {"description": "Is the disease under control?"}


def test_another_field_of_a_topic_can_be_the_query(tmp_path: Path) -> None:
    topics = read_topics(_written(tmp_path, CLASSIC), field="description")
    assert topics["302"] == Query(
        "302", "Is the disease under control?", metadata={"title": "Poliomyelitis and Post-Polio"}
    )


def test_topics_as_a_table_are_read(tmp_path: Path) -> None:
    assert read_topics(_written(tmp_path, "1\twho wrote it?\n2\tand when\n")) == {
        "1": Query("1", "who wrote it?"),
        "2": Query("2", "and when"),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<top>\n<num> 1\n<title> a\n", "file.txt:1: the <top> that begins there has no end"),
        ("<top>\n<title> a\n</top>", "file.txt:1: the topic that begins there has no number"),
        ("<top>\n<num> 1\n</top>", "file.txt:1: the topic that begins there has no title"),
        ("<top>\n<num> 1\n<title> a\n<top>", "file.txt:4: <top> stands where one is open still"),
        ("<num> 1", "file.txt:1: <num> stands outside"),
        ("1 no tab", "file.txt:1: .* is not `id<TAB>text`"),
        ("1\ta\n1\tb", "file.txt:2: topic '1' stands there a second time"),
    ],
)
def test_topics_that_cannot_be_read_are_refused_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_topics(_written(tmp_path, text))


@pytest.mark.parametrize("line", ["1 0 d", "1 0 d high", "1 0 d nan", "1 0 d 1 x"])
def test_judgements_that_cannot_be_read_are_refused_with_their_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match=r"file\.txt:2: .* is not `query iteration document grade`"):
        read_qrels(_written(tmp_path, f"1 0 a 1\n{line}\n"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("q Q0 b 2 x tag", "is not `query Q0"),
        ("q Q0 b 2 0.5", "is not `query Q0"),
        ("q Q0 b 2 nan tag", "not a finite number"),
        ("q Q0 a 2 0.5 tag", "has document 'a' a second time"),
    ],
)
def test_runs_that_cannot_be_read_are_refused_with_their_line(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"file\.txt:2: .*{said}"):
        read_run(_written(tmp_path, f"q Q0 a 1 0.9 tag\n{line}\n"))


_IDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=5)
_RUNS = st.dictionaries(_IDS, st.dictionaries(_IDS, st.floats(-1e9, 1e9), min_size=1, max_size=4), max_size=4)


@given(run=_RUNS)
def test_a_run_that_is_written_reads_back_as_it_was(run: dict[str, dict[str, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.run"
        write_run(path, run, tag="bm25")
        found = read_run(path)
    assert found.run == run
    assert found.tag == ("bm25" if run else "")


def test_ranks_are_those_of_trec_eval(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    write_run(path, {"q": {"a": 1.0, "b": 2.0, "c": 1.0}}, tag="t")
    assert [line.split()[2:4] for line in path.read_text().splitlines()] == [["b", "1"], ["c", "2"], ["a", "3"]]


@pytest.mark.parametrize(
    ("run", "tag"), [({"q 1": {"d": 1.0}}, "t"), ({"q": {"": 1.0}}, "t"), ({"q": {"d": 1.0}}, "my tag")]
)
def test_what_would_break_the_columns_is_refused(tmp_path: Path, run: dict[str, dict[str, float]], tag: str) -> None:
    with pytest.raises(InputError, match="cannot stand in a run file"):
        write_run(tmp_path / "a.run", run, tag=tag)
