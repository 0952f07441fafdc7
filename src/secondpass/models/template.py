"""The special tokens that a tokenizer puts around a pair, read from its tokenizer.json.

Knows ids and segment types, no text: with the pair laid out by hand, the document alone can be cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondpass.errors import ModelLoadError

Typed = tuple[tuple[int, int], ...]
"""Special tokens in order, each an id and its segment type."""


@dataclass(frozen=True, slots=True)
class PairTemplate:
    """`before` query `between` document `after`, as in `[CLS] q [SEP] d [SEP]` or `<s> q </s></s> d </s>`."""

    before: Typed
    between: Typed
    after: Typed
    query_type: int = 0
    document_type: int = 0

    @property
    def special_tokens(self) -> int:
        """How many tokens a pair has beside query and document."""
        return len(self.before) + len(self.between) + len(self.after)


def read_template(tokenizer: Mapping[str, Any]) -> PairTemplate:
    """The pair template of a parsed tokenizer.json.

    Reads the post-processors TemplateProcessing, BertProcessing and RobertaProcessing, alone or in a Sequence. Raises
    `ModelLoadError` where there is none of them, or one that does not put a query before a document.
    """
    step = _adding_step(tokenizer.get("post_processor"))
    if step is None:
        found = (tokenizer.get("post_processor") or {}).get("type", "none")
        raise ModelLoadError(
            f"The tokenizer says nothing of pairs (its post-processor is {found}), so it is not a cross-encoder's. "
            "Save the tokenizer that the model was trained with, or choose a model of the pair family."
        )
    if step["type"] == "TemplateProcessing":
        return _from_pieces(step["pair"], step["special_tokens"])
    first, last, second_type = step["cls"][1], step["sep"][1], int(step["type"] == "BertProcessing")
    twice = ((last, 0),) if step["type"] == "BertProcessing" else ((last, 0), (last, 0))
    return PairTemplate(((first, 0),), twice, ((last, second_type),), 0, second_type)


def read_single(tokenizer: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ids of the special tokens that a parsed tokenizer.json puts before and behind a text by itself.

    None on either side where it adds none, as many decoders' do not.
    """
    step = _adding_step(tokenizer.get("post_processor"))
    if step is None:
        return (), ()
    if step["type"] != "TemplateProcessing":
        return (step["cls"][1],), (step["sep"][1],)
    sides: tuple[list[int], list[int]] = ([], [])
    behind = False
    for piece in step["single"]:
        if "Sequence" in piece:
            behind = True
        else:
            sides[behind].extend(step["special_tokens"][piece["SpecialToken"]["id"]]["ids"])
    return tuple(sides[0]), tuple(sides[1])


def has_pair_template(tokenizer: Mapping[str, Any]) -> bool:
    """Whether a parsed tokenizer.json says how a query and a document are joined."""
    try:
        read_template(tokenizer)
    except ModelLoadError:
        return False
    return True


def _adding_step(step: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The last step of a post-processor that adds special tokens; ByteLevel, for one, only trims offsets."""
    if step is None:
        return None
    if step["type"] == "Sequence":
        steps = [_adding_step(inner) for inner in step["processors"]]
        return next((found for found in reversed(steps) if found is not None), None)
    return step if step["type"] in ("TemplateProcessing", "BertProcessing", "RobertaProcessing") else None


def _from_pieces(pieces: Sequence[Mapping[str, Any]], special_tokens: Mapping[str, Any]) -> PairTemplate:
    specials: list[list[tuple[int, int]]] = [[]]
    types: dict[str, int] = {}
    for piece in pieces:
        if "Sequence" in piece:
            types[piece["Sequence"]["id"]] = piece["Sequence"]["type_id"]
            specials.append([])
        else:
            named = piece["SpecialToken"]
            specials[-1].extend((token, named["type_id"]) for token in special_tokens[named["id"]]["ids"])
    if list(types) != ["A", "B"] or len(specials) != 3:
        raise ModelLoadError(
            f"The tokenizer's pair template has the texts {list(types)}, where a query and then a document are "
            "expected; choose a model of the pair family."
        )
    before, between, after = (tuple(part) for part in specials)
    return PairTemplate(before, between, after, types["A"], types["B"])
