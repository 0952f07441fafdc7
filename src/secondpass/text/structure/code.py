"""Source code: the name of each function and class as words, its signature and documentation first, then the bodies.

Parsed by tree-sitter. Nothing is left out but what marks a comment.
"""

from __future__ import annotations

import importlib
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from inspect import cleandoc
from typing import TYPE_CHECKING

from secondpass.text.structure.kind import Unparsed
from secondpass.text.structure.languages import LANGUAGES, Language
from secondpass.text.structure.names import words

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

MAX_DAMAGE = 0.1
"""The share of a text that its grammar may fail to understand: a fragment has loose ends, and prose is all of them."""

_DEPTH = 24
_WRAPPERS = frozenset({
    "decorated_definition", "export_statement", "lexical_declaration", "variable_declaration", "variable_declarator",
    "template_declaration",
})  # fmt: skip
_COMMENT_MARKS = re.compile(r"^[ \t]*(?:/\*\*?|\*/|\*(?= |$)|//[/!]?|#+)[ \t]?|[ \t]*\*/[ \t]*$", re.M)
_QUOTES = re.compile(r"\A[rRuUbB]*(\"\"\"|'''|\"|')(.*)\1\Z", re.S)


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or class: `spans` are the bytes that `signature` and `doc` were taken from."""

    name: str
    signature: str
    doc: str
    spans: tuple[tuple[int, int], ...]


def is_code(head: str) -> bool:
    """Whether a line begins as a definition does in one of the languages."""
    return next(_candidates(head), None) is not None


def render_code(text: str) -> str:
    """Names, signatures and documentation, then the rest. Raises `Unparsed` where no grammar understands the text."""
    source, found = parse_code(text)
    lines: list[str] = []
    for one in found:
        said = words(one.name)
        lines += [
            line for line in (said if said.casefold() != one.name.casefold() else "", one.signature, one.doc) if line
        ]
    return "\n".join([*lines, *_rest(source, found)])


def parse_code(text: str) -> tuple[bytes, list[Definition]]:
    """The source and the definitions in it. Raises `Unparsed` where no grammar understands the text."""
    try:
        source = textwrap.dedent(text.expandtabs(4)).encode()
    except UnicodeEncodeError as error:
        raise Unparsed from error
    for language in _candidates(text):
        # A PHP grammar reads what no tag opens as HTML.
        given = b"<?php " + source if language.name == "php" and b"<?" not in source else source
        root = _parser(language.module, language.grammar).parse(given).root_node
        if _damage(root) <= MAX_DAMAGE * len(given):
            found = list(_definitions(root, given, language, _DEPTH))
            if found:
                return given, found
    raise Unparsed


def _candidates(text: str) -> Iterator[Language]:
    for language in LANGUAGES:
        if any(hint in text for hint in language.hints) and language.start.search(text):
            yield language


@lru_cache(maxsize=len(LANGUAGES))
def _parser(module: str, grammar: str) -> Parser:
    from tree_sitter import Language as Grammar
    from tree_sitter import Parser

    return Parser(Grammar(getattr(importlib.import_module(module), grammar)()))


def _damage(root: Node) -> int:
    """How many bytes lie in what the grammar did not understand, near the top."""
    if root.type == "ERROR":
        return root.end_byte - root.start_byte
    if not root.has_error:
        return 0
    return sum(child.end_byte - child.start_byte for child in root.children if child.type == "ERROR")


def _definitions(node: Node, source: bytes, language: Language, depth: int) -> Iterator[Definition]:
    for child in node.named_children:
        container = child.type in language.containers
        if container or child.type in language.functions:
            name = _name(child)
            if name:
                yield _definition(child, source, name)
        body = child.child_by_field_name("body") if container else child
        if body is not None and depth and child.type not in language.functions:
            yield from _definitions(body, source, language, depth - 1)


def _name(node: Node) -> str:
    """The name of a definition: its own, that of the declarator in it (C), or of its variable."""
    found: Node | None = node
    for _ in range(_DEPTH):
        if found is None:
            break
        named = found.child_by_field_name("name")
        if named is not None:
            return _text(named)
        inner = found.child_by_field_name("declarator") or found.child_by_field_name("type")
        if inner is None and found is not node:
            return _text(found)
        found = inner
    holder = node.parent.child_by_field_name("name") if node.parent is not None else None
    return "" if holder is None else _text(holder)


def _definition(node: Node, source: bytes, name: str) -> Definition:
    body = node.child_by_field_name("body")
    outer = node
    while outer.parent is not None and outer.parent.type in _WRAPPERS:
        outer = outer.parent
    start, end = outer.start_byte, node.end_byte if body is None else body.start_byte
    comments = list(_comments_before(outer, source))
    inside = _docstring(body)
    docs = [_COMMENT_MARKS.sub("", _text(one)).strip() for one in comments]
    docs += [cleandoc(_QUOTES.sub(r"\2", _text(one))) for one in inside]
    signature = " ".join(source[start:end].decode("utf-8", "replace").split()).rstrip("{ ")
    spans = ((start, end), *((one.start_byte, one.end_byte) for one in (*comments, *inside)))
    return Definition(name, signature, "\n".join(filter(None, docs)), spans)


def _comments_before(node: Node, source: bytes) -> list[Node]:
    """The comments that touch a definition from above, in order."""
    found: list[Node] = []
    edge, before = node.start_byte, node.prev_named_sibling
    while before is not None and "comment" in before.type and not source[before.end_byte : edge].strip():
        found.insert(0, before)
        edge, before = before.start_byte, before.prev_named_sibling
    return found


def _docstring(body: Node | None) -> list[Node]:
    """The string that a body begins with, as Python's documentation does: one node or none."""
    first = body.named_children[0] if body is not None and body.named_children else None
    if first is not None and first.type == "expression_statement" and first.named_children:
        first = first.named_children[0]
    return [first] if first is not None and first.type == "string" else []


def _rest(source: bytes, found: list[Definition]) -> Iterator[str]:
    """The lines of the source without what was taken out of it."""
    kept: list[bytes] = []
    edge = 0
    for start, end in sorted(span for one in found for span in one.spans):
        kept.append(source[edge : max(edge, start)])
        edge = max(edge, end)
    kept.append(source[edge:])
    for line in b"".join(kept).decode("utf-8", "replace").split("\n"):
        if line.strip(" \t{}"):
            yield line.rstrip()


def _text(node: Node) -> str:
    return "" if node.text is None else node.text.decode("utf-8", "replace")
