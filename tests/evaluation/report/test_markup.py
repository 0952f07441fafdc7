from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from secondpass.evaluation.report.markup import Markup, join, shortened, tag, text


class Read(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.words += data


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cn", "Cs"))))
def test_any_text_comes_back_as_it_was_given(given_text: str) -> None:
    found = Read(tag("p", given_text, title=given_text))
    assert (found.tags, found.words, found.attributes["title"]) == (["p"], given_text, given_text)


def test_markup_is_kept_and_text_beside_it_escaped() -> None:
    assert join(tag("b", "<"), " & ", Markup("<i>x</i>")) == "<b>&lt;</b> &amp; <i>x</i>"


def test_what_no_file_can_hold_is_replaced() -> None:
    assert text("a\x00b\ud800c") == "a\ufffdb?c"


def test_names_of_attributes_are_written_as_html_has_them() -> None:
    assert tag("text", "x", text_anchor="end", class_="n", x=1.0, y=2.25) == (
        '<text text-anchor="end" class="n" x="1" y="2.2">x</text>'
    )


@given(st.text(), st.integers(2, 40))
def test_a_shortened_text_is_one_line_of_the_length_at_most(given_text: str, length: int) -> None:
    found = shortened(given_text, length)
    assert len(found) <= length
    assert found == " ".join(given_text.split()) or found.endswith("…")
