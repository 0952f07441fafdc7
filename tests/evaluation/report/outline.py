"""A page as a test reads it: elements with their attributes, tables as cells, all text."""

from __future__ import annotations

from html.parser import HTMLParser

NEVER_CLOSED = {"meta", "br"}


class Outline(HTMLParser):
    """`tags`: (name, attributes) in order. `tables`: caption → rows of cells. `unclosed`: what is still open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.words: list[str] = []
        self.unclosed: list[str] = []
        self._caption = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in NEVER_CLOSED:
            self.unclosed.append(tag)
        if tag == "caption":
            self._caption = ""
        if tag == "tr":
            self.tables.setdefault(self._caption, []).append([])
        if tag in ("td", "th"):
            self.tables[self._caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        opened = self.unclosed.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.unclosed[-1:] == ["caption"]:
            self._caption += data
        if "tr" in self.unclosed and ({"td", "th"} & set(self.unclosed)):
            self.tables[self._caption][-1][-1] += data

    @property
    def text(self) -> str:
        """All that is shown, and the style sheet."""
        return "".join(self.words)
