"""YAML mappings and lists of mappings, as of configurations and manifests. Flat `key: value` lines read well already.

Values stay the text that they are: no dates, no numbers, and `no` is not false.
"""

from __future__ import annotations

import re

from secondpass.text.structure.kind import Record, Unparsed, as_record

_LINE = re.compile(r"\s*(?:#.*|---\s*|(?:- +)?[\"']?[^\W\d][\w./ -]{0,60}[\"']?:(?: .*)?|- \S.*|)")
_NESTED = re.compile(r"^[ ]*(?:- )?[\w./ -]+:[ ]*(?:#.*)?\n[ ]*(?:- |[ ]+[\w\"'./-]+:)", re.M)
_SNIFFED = 12


def is_yaml(head: str) -> bool:
    """Whether the first lines are all such as YAML has, and one of them holds what is below it."""
    if ":\n" not in head and ": \n" not in head:
        return False
    return all(_LINE.fullmatch(line) for line in head.split("\n", _SNIFFED)[:_SNIFFED]) and bool(_NESTED.search(head))


def read_yaml(text: str) -> Record:
    """The mapping or the list of mappings in a text. Raises `Unparsed` for anything else, and for aliases."""
    import yaml

    try:
        if "*" in text and any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.BaseLoader)):
            raise Unparsed  # a few lines of them can stand for more text than there is memory
        value = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise Unparsed from error
    return as_record(value)
