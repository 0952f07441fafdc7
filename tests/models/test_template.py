from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, processors

from secondpass.errors import ModelLoadError
from secondpass.models.template import PairTemplate, read_single, read_template
from tests import checkpoints

CLS, SEP = ("[CLS]", 2), ("[SEP]", 3)


def parsed(tokenizer: Tokenizer, processor: Any = None) -> dict[str, Any]:
    if processor is not None:
        tokenizer.post_processor = processor
    found: dict[str, Any] = json.loads(tokenizer.to_str())
    return found


def laid_out(template: PairTemplate, query: list[int], document: list[int]) -> tuple[list[int], list[int]]:
    rows = [
        *template.before,
        *((token, template.query_type) for token in query),
        *template.between,
        *((token, template.document_type) for token in document),
        *template.after,
    ]
    return [token for token, _ in rows], [kind for _, kind in rows]


PROCESSORS = {
    "bert": processors.BertProcessing(SEP, CLS),
    "roberta": processors.RobertaProcessing(SEP, CLS),
    "sequence": processors.Sequence([processors.ByteLevel(), processors.RobertaProcessing(SEP, CLS)]),
    "template": processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS]:0 $A:1 [SEP]:1 [SEP]:0 $B:2 [SEP]:2", special_tokens=[CLS, SEP]
    ),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_template_lays_pairs_out_as_the_post_processor_does(name: str) -> None:
    tokenizer = checkpoints.word_piece()
    template = read_template(parsed(tokenizer, PROCESSORS[name]))
    pair = tokenizer.encode("who wrote it?", "the river")
    query = tokenizer.encode("who wrote it?", add_special_tokens=False).ids
    document = tokenizer.encode("the river", add_special_tokens=False).ids
    assert laid_out(template, query, document) == (pair.ids, pair.type_ids)
    assert template.special_tokens == len(pair.ids) - len(query) - len(document)


@pytest.mark.parametrize(
    ("make", "between"),
    [(checkpoints.word_piece, ((3, 0),)), (checkpoints.unigram_xlm, ((2, 0), (2, 0)))],
)
def test_families_differ_in_what_stands_between(make: Callable[[], Tokenizer], between: tuple[tuple[int, int]]) -> None:
    assert read_template(parsed(make())).between == between


@pytest.mark.parametrize("name", ["bert-uncased", "modernbert", "xlm-r"])
def test_published_tokenizers_are_laid_out_as_they_lay_out_themselves(name: str, shared: Path) -> None:
    path = shared / "tokenizers" / name / "tokenizer.json"
    packed = path.with_suffix(".json.gz")
    text = gzip.decompress(packed.read_bytes()).decode() if packed.is_file() else path.read_text(encoding="utf-8")
    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_padding()
    query, document = "who wrote the book?", "Das Buch schrieb 東京."
    pair = tokenizer.encode(query, document)
    ids = [tokenizer.encode(each, add_special_tokens=False).ids for each in (query, document)]
    assert laid_out(read_template(json.loads(text)), *ids) == (pair.ids, pair.type_ids)


def test_a_tokenizer_that_says_nothing_of_pairs_is_refused_by_its_post_processor() -> None:
    tokenizer = checkpoints.word_piece()
    with pytest.raises(ModelLoadError, match="ByteLevel"):
        read_template(parsed(tokenizer, processors.ByteLevel()))
    with pytest.raises(ModelLoadError, match="none"):
        read_template({"post_processor": None})


def test_a_template_with_the_document_first_is_refused() -> None:
    swapped = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $B [SEP] $A [SEP]", special_tokens=[CLS, SEP]
    )
    with pytest.raises(ModelLoadError, match=r"\['B', 'A'\]"):
        read_template(parsed(checkpoints.word_piece(), swapped))


@pytest.mark.parametrize(
    ("tokenizer", "processor"),
    [
        (checkpoints.word_piece(), None),
        (checkpoints.word_piece(), processors.BertProcessing(SEP, CLS)),
        (checkpoints.word_piece(), processors.RobertaProcessing(SEP, CLS)),
        (checkpoints.byte_pairs(), None),
        (checkpoints.unigram_xlm(), None),
    ],
    ids=["template", "bert", "roberta", "byte pairs", "xlm-r"],
)
def test_a_text_by_itself_stands_between_the_tokenizer_s_own_special_tokens(
    tokenizer: Tokenizer, processor: Any
) -> None:
    before, after = read_single(parsed(tokenizer, processor))
    whole = tokenizer.encode("a river")
    bare = tokenizer.encode("a river", add_special_tokens=False)
    assert whole.ids == [*before, *bare.ids, *after]


def test_a_tokenizer_that_adds_nothing_puts_nothing_around_a_text() -> None:
    tokenizer = checkpoints.byte_pairs()
    tokenizer.post_processor = processors.ByteLevel()
    assert read_single(parsed(tokenizer)) == ((), ())
