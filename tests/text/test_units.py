import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.text.encode import ChunkBy
from secondpass.text.units import units


def cut_at(text: str, starts: list[int]) -> list[str]:
    return [text[a:b].strip() for a, b in zip([0, *starts], [*starts, len(text)], strict=True) if text[a:b].strip()]


def sentences(text: str) -> list[str]:
    return cut_at(text, units(text, "sentences")[-1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rained. We left!  Why? They knew…\nSo be", ["It rained.", "We left!", "Why?", "They knew…", "So be"]),
        ("Dr. A saw Mr. J. Doe at 5 p.m. sharp. He left.", ["Dr. A saw Mr. J. Doe at 5 p.m. sharp.", "He left."]),
        ("See Fig. 3 and No. 5. He said no. They left.", ["See Fig. 3 and No. 5.", "He said no.", "They left."]),
        ("It costs 3.14 or so. And e.g. this.", ["It costs 3.14 or so.", "And e.g. this."]),
        ('"Stop!" he said. "Go on."', ['"Stop!" he said.', '"Go on."']),
        ("It was I. Then you came.", ["It was I.", "Then you came."]),
        ("今日は雨です。「本当？」明日は晴れ！はい", ["今日は雨です。", "「本当？」", "明日は晴れ！", "はい"]),
        ("यह एक है। यह दो है॥ तीन", ["यह एक है।", "यह दो है॥", "तीन"]),
        ("هل هذا صحيح؟ نعم۔ حسنا", ["هل هذا صحيح؟", "نعم۔", "حسنا"]),
        ("A title\n\nA list\n \nand text", ["A title", "A list", "and text"]),
        ("Das gilt z.B. hier bzw. dort. Es endet.", ["Das gilt z.B. hier bzw. dort.", "Es endet."]),
        ("", []),
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


MARKDOWN = """# One
text of one

more of one
## Two
```
# no heading

x = 1
```
Three
=====
end
"""


def test_sections_start_at_markdown_headings_outside_of_code() -> None:
    sections = cut_at(MARKDOWN, units(MARKDOWN, "headings")[0])
    assert [section.split("\n")[0] for section in sections] == ["# One", "## Two", "Three"]
    paragraphs = cut_at(MARKDOWN, units(MARKDOWN, "headings")[1])
    assert "more of one" in paragraphs


CODE = """import os

def one():
    a = 1

    return a

class Two:
    pass
"""


def test_blocks_of_code_start_without_indentation_behind_a_blank_line() -> None:
    blocks, paragraphs, lines = units(CODE, "code")
    assert [block.split("\n")[0] for block in cut_at(CODE, blocks)] == ["import os", "def one():", "class Two:"]
    assert len(cut_at(CODE, paragraphs)) == 4
    assert len(cut_at(CODE, lines)) == 6


def test_a_fenced_block_is_kept_together_as_long_as_that_is_possible() -> None:
    assert any("# no heading\n\nx = 1" in block for block in cut_at(MARKDOWN, units(MARKDOWN, "code")[0]))


@given(
    st.text(st.sampled_from("aB.!? \n\t#=`~。”)(1é\ud800"), max_size=80),
    st.sampled_from(["sentences", "headings", "code"]),
)
def test_units_are_in_order_lie_in_the_text_and_finer_ones_have_the_coarser(text: str, by: ChunkBy) -> None:
    levels = units(text, by)
    assert levels
    for level in levels:
        assert level == sorted(set(level))
        assert all(0 <= at <= len(text) for at in level)
    for coarse, fine in itertools.pairwise(levels):
        assert set(coarse) <= set(fine)


@pytest.mark.parametrize(
    "part",
    ["It rained. ", "." * 99, ". ", "\n", "\n ", " ", "a\n\n", '."""', "```\n\na\n```\n", "# a\n", "a\n=\n", "。"],
)
def test_half_a_megabyte_of_anything_takes_seconds_at_most(part: str) -> None:
    text = part * (500_000 // len(part))
    for by in ("sentences", "headings", "code"):
        began = time.process_time()
        units(text, by)
        assert time.process_time() - began < 2, by
