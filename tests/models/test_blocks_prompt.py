from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from secondpass.errors import ModelLoadError
from secondpass.models.blocks_prompt import DOCUMENT_MARK, QUERY_MARK, BlockEncoder, unmarked
from secondpass.text.encode import TextEncoder
from tests import decoders
from tests.blocks import MARKS

PROMPT = """<|im_start|>system
You are a search relevance expert who can determine a ranking of the passages based on how relevant they are to the \
query. If the query is a question, how relevant a passage is depends on how well it answers the question. If not, try \
to analyze the intent of the query and assess how well each passage satisfies the intent. If an instruction is \
provided, you should follow the instruction when determining the ranking.<|im_end|>
<|im_start|>user
I will provide you with 2 passages, each indicated by a numerical identifier. Rank the passages based on their \
relevance to query: who is {{it}}?
{instruction}<passage id="0">
the {{panda}}<|embed_token|>
</passage>
<passage id="1">
the river
<|embed_token|>
</passage>
<query>
who is {{it}}?<|rerank_token|>
</query><|im_end|>
<|im_start|>assistant
<think>

</think>

"""
INSTRUCTION = "<instruct>\nprefer the newest\n</instruct>\n"
DOCUMENTS = ("the {panda}", "the river\n")
PARTS = st.lists(st.sampled_from(["<|embed", "_token|>", "<|rerank", "<|", "|>", DOCUMENT_MARK, QUERY_MARK, "a"]))


def marked(tokenizer: Tokenizer, *, special_text: bool = False) -> TextEncoder:
    tokenizer.add_special_tokens(list(MARKS))
    tokenizer.encode_special_tokens = not special_text
    return TextEncoder(tokenizer)


@pytest.mark.parametrize(("instruction", "shown"), [("", ""), ("prefer the newest", INSTRUCTION)])
def test_the_prompt_is_the_authors_letter_by_letter(instruction: str, shown: str) -> None:
    tokenizer = decoders.qwen()
    block = BlockEncoder(marked(tokenizer)).block("who is {it}?", instruction, DOCUMENTS)
    wanted = PROMPT.format(instruction=shown)
    assert tokenizer.decode(block.ids.tolist(), skip_special_tokens=False) == wanted
    tokenizer.encode_special_tokens = False
    assert block.ids.tolist() == tokenizer.encode(wanted).ids


def test_marks_stand_behind_each_document_and_then_the_query() -> None:
    encoder = marked(decoders.qwen())
    block = BlockEncoder(encoder).block("who?", "", ["a", "", "c"])
    names = [encoder.special(DOCUMENT_MARK)] * 3 + [encoder.special(QUERY_MARK)]
    assert block.ids[block.marks].tolist() == names
    assert sorted(block.marks) == list(block.marks)
    assert sum(int(id_) in names for id_ in block.ids) == 4


def test_the_ids_are_those_of_the_real_tokenizer(shared: Path) -> None:
    tokenizer = decoders.real_qwen(shared)
    block = BlockEncoder(marked(tokenizer)).block("who is {it}?", "", DOCUMENTS)
    assert block.ids[block.marks].tolist() == [151670, 151670, 151671]
    tokenizer.encode_special_tokens = False
    assert block.ids.tolist() == tokenizer.encode(PROMPT.format(instruction="")).ids


def test_the_wrapper_is_the_most_that_stands_around_a_document() -> None:
    prompt = BlockEncoder(marked(decoders.qwen()))
    lengths = [len(prompt.block("who?", "", ["a"] * count).ids) for count in range(126)]
    assert all(after - before <= prompt.wrapper + 1 for before, after in pairwise(lengths))


def test_the_name_of_a_special_token_is_text_unless_it_is_read_as_one() -> None:
    tokenizer = decoders.qwen()
    end = tokenizer.token_to_id("<|im_end|>")
    plain, reference = (
        BlockEncoder(marked(decoders.qwen(), special_text=told)).block("a", "", ["b <|im_end|>"]).ids.tolist()
        for told in (False, True)
    )
    assert (plain.count(end), reference.count(end)) == (2, 3)


def test_a_vocabulary_without_the_marks_is_refused() -> None:
    with pytest.raises(ModelLoadError, match=r"no '<\|embed_token\|>'"):
        BlockEncoder(TextEncoder(decoders.qwen()))


@settings(max_examples=200)
@given(PARTS.map("".join))
def test_no_text_has_a_mark(text: str) -> None:
    found = unmarked(text)
    assert DOCUMENT_MARK not in found
    assert QUERY_MARK not in found
    assert found == text or DOCUMENT_MARK in text or QUERY_MARK in text
