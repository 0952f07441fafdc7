# ruff: noqa: E501 - a pattern reads best in one piece
"""The programming languages that are read: how each is told, its grammar, and what its grammar calls a definition.

JavaScript is read by TypeScript's grammar and C by that of C++, which are larger than they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_C_FUNCTION = r"^[ \t]*(?:[\w:<>,*&\[\]]+[ \t*&]+){1,6}[\w:~]+[ \t]*\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)[^;{}()\n]{0,80}\{?[ \t]*\n?\{?"


@dataclass(frozen=True, slots=True)
class Language:
    """`hints`: one of these must be in a text before `start`, which says that it is code, is looked for.

    `module` and `grammar`: where the grammar lies. `functions` are nodes whose body is theirs alone, `containers` those
    whose members are definitions too; `names` are fields in which a node's name lies.
    """

    name: str
    hints: tuple[str, ...]
    start: re.Pattern[str]
    module: str
    functions: frozenset[str]
    containers: frozenset[str]
    grammar: str = "language"


def _language(
    name: str, hints: str, start: str, module: str, functions: str, containers: str, grammar: str = "language"
) -> Language:
    found = re.compile(start, re.M)
    kinds = frozenset(functions.split()), frozenset(containers.split())
    return Language(name, tuple(hints.split("|")), found, f"tree_sitter_{module}", *kinds, grammar)


LANGUAGES = (
    _language(
        "python", "def |class ",
        r"^[ \t]*(?:(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[ \t]*(?:\([^()\n]*\))?:)",
        "python", "function_definition", "class_definition",
    ),
    _language(
        "rust", "fn |struct |impl ",
        r"^[ \t]*(?:pub(?:\([a-z]+\))?[ \t]+)?(?:(?:async|const|unsafe)[ \t]+)*(?:fn[ \t]+\w+[<(]|(?:struct|impl|trait|enum)\b[^\n;]*\{)",
        "rust", "function_item function_signature_item", "impl_item trait_item mod_item struct_item enum_item",
    ),
    _language(
        "go", "func ", r"^func[ \t]+(?:\([^()\n]*\)[ \t]*)?\w+[ \t]*[\[(]",
        "go", "function_declaration method_declaration", "",
    ),
    _language(
        "php", "function ", r"^(?:<\?php|[ \t]*(?:(?:public|private|protected|static|final|abstract)[ \t]+)*function[ \t]+&?\w+[ \t]*\([^)\n]*\$)",
        "php", "function_definition method_declaration", "class_declaration interface_declaration trait_declaration",
        "language_php",
    ),
    _language(
        "typescript", "function|=>|class |interface ",
        r"^[ \t]*(?:export[ \t]+)?(?:default[ \t]+)?(?:async[ \t]+)?(?:function\b[ \t*]*\w*[ \t]*[<(]|(?:const|let|var)[ \t]+\w+[^\n=]*=[^\n]*(?:=>|function)|(?:abstract[ \t]+)?class[ \t]+\w+[^\n]*\{|interface[ \t]+\w+[^\n]*\{)",
        "typescript", "function_declaration generator_function_declaration method_definition method_signature arrow_function function_expression",
        "class_declaration abstract_class_declaration interface_declaration", "language_tsx",
    ),
    _language(
        "java", "{",
        r"^[ \t]*(?:@\w+[^\n]*\n[ \t]*)*(?:(?:public|private|protected|static|final|abstract|synchronized|default|native)[ \t]+)+[^\n;=]*[({]|^[ \t]*(?:class|interface|enum|record)[ \t]+\w+[^\n;=]*\{|" + _C_FUNCTION,
        "java", "method_declaration constructor_declaration",
        "class_declaration interface_declaration enum_declaration record_declaration",
    ),
    _language(
        "c++", "{", r"^[ \t]*(?:#[ \t]*include\b|template[ \t]*<|namespace\b[^\n]*\{|(?:class|struct)[ \t]+\w+[^\n;]*\{)|" + _C_FUNCTION,
        "cpp", "function_definition", "class_specifier struct_specifier namespace_definition",
    ),
    _language(
        "ruby", "end", r"^[ \t]*(?:def[ \t]+[\w.]+[?!=]?|(?:class|module)[ \t]+[A-Z][\w:]*(?:[ \t]*<[ \t]*[\w:]+)?[ \t]*$)",
        "ruby", "method singleton_method", "class module",
    ),
)  # fmt: skip
