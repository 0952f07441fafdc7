# ruff: noqa: E501 - a pattern, or a list of words, reads best in one piece
"""HTML: the title and the description first, then the text in its order; what leads around a page comes last."""

from __future__ import annotations

import re
from html import unescape

from secondpass.text.structure.kind import Unparsed

_START = re.compile(
    r"\s*(?:<!--[^<>]{0,1000}-->\s*)*<(?:!doctype html|(?:html|head|body|title|meta|div|p|h[1-6]|article|section|main|header|"
    r"nav|table|ul|ol|dl|blockquote|pre|span|strong|em|b|a)(?=[\s>]))",
    re.I | re.S,
)
_TAG = re.compile(r"<!--|<[!?][^<>]*>|<(/?)([a-zA-Z][\w:-]*)([^<>]*)>")
_ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_SILENT = frozenset({"script", "style", "template", "svg", "noscript", "iframe", "object", "select"})
_ASIDE = frozenset({"nav", "footer", "aside"})
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "data",
        "dfn",
        "em",
        "font",
        "i",
        "kbd",
        "label",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
    ]
)


def is_html(head: str) -> bool:
    """Whether the text begins with a tag of HTML."""
    return head.lstrip()[:1] == "<" and _START.match(head) is not None


def render_html(text: str) -> str:
    """The text that a reader of the page sees. Raises `Unparsed` where that is none."""
    page = _Page()
    page.feed(text)
    title, description = (" ".join(told.split()) for told in (page.title, page.description))
    lines = (" ".join(line.split()) for line in "".join([*page.main, "\n", *page.aside]).split("\n"))
    shown = [*dict.fromkeys([title, description]), *(line for line in lines if line != title)]
    if not any(shown):
        raise Unparsed
    return "\n".join(line for line in shown if line)


class _Page:
    """Gathers title, description, and text with a line a block. Reads any text once, however broken its tags."""

    def __init__(self) -> None:
        self.title, self.description = "", ""
        self.main: list[str] = []
        self.aside: list[str] = []
        self._asides = 0

    def feed(self, text: str) -> None:
        at = 0
        while found := _TAG.search(text, at):
            self._say(unescape(text[at : found.start()]).replace("\n", " "))
            name, at = (found[2] or "").lower(), found.end()
            if found[0] == "<!--":
                at = _after(text, "-->", at)
            elif found[1]:
                self._end(name)
            elif name in _SILENT:
                at = _after(text, f"</{name}", at)
            elif name == "title":
                end = text.find("</", at)
                self.title += unescape(text[at : end if end >= 0 else len(text)])
                at = end if end >= 0 else len(text)
            else:
                self._start(name, found[3] or "")
        self._say(unescape(text[at:]).replace("\n", " "))

    def _start(self, tag: str, attributes: str) -> None:
        if tag in ("meta", "img"):
            held = {name.lower(): unescape(value[1:-1]) for name, value in _ATTRIBUTE.findall(attributes)}
            if held.get("name") == "description":
                self.description = held.get("content", "")
            self._say(f" {held.get('alt', '')} " if tag == "img" else "")
        self._asides += tag in _ASIDE
        self._break(tag)

    def _end(self, tag: str) -> None:
        self._break(tag)
        self._asides = max(0, self._asides - (tag in _ASIDE))

    def _break(self, tag: str) -> None:
        if tag and tag not in _INLINE:
            self._say(" " if tag in ("td", "th", "img") else "\n")

    def _say(self, text: str) -> None:
        (self.aside if self._asides else self.main).append(text)


def _after(text: str, end: str, at: int) -> int:
    """Behind the next `end`; the text's end where there is none."""
    found = text.find(end, at)
    return len(text) if found < 0 else found + len(end)
