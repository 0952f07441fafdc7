from __future__ import annotations

import gzip
import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from secondpass.errors import InputError
from secondpass.text.chunk import Part, Source, pack, split_query
from secondpass.text.encode import ChunkBy, Limits, TextEncoder, cut
from tests import checkpoints

TOKENIZERS = ["bert-uncased", "modernbert", "xlm-r", "t5", "qwen3"]
UNITS: list[ChunkBy] = ["sentences", "headings", "code"]
SENTENCES = [
    "The river rises in the mountains. ",
    "Überschall is naïve, don't you think? ",
    "今日は雨です。",
    "Cafe\u0301 has a combining mark! ",
    "An emoji 👩\u200d🚀 flew by. ",
    "\n\n## A heading\n\n",
    "½ of ﬁve is 2.5. ",
    "यह एक वाक्य है। ",
    "İstanbul ist schön. ",
    "A lone \ud800 surrogate. ",
    "A pair \ud83d\ude00 of them. ",
    "    indented = code()\n",
]


@pytest.fixture(scope="module", params=TOKENIZERS)
def encoder(request: pytest.FixtureRequest, shared: Path) -> TextEncoder:
    folder = shared / "tokenizers" / request.param
    plain = folder / "tokenizer.json"
    if plain.is_file():
        return TextEncoder(Tokenizer.from_file(str(plain)))
    return TextEncoder(Tokenizer.from_buffer(gzip.decompress((folder / "tokenizer.json.gz").read_bytes())))


def parts_of(encoder: TextEncoder, text: str, room: int, limits: Limits) -> tuple[list[int], list[Part]]:
    (ids,) = encoder.ids([text])
    return ids, Source.of(text, ids).parts(encoder, room, limits)


def a_text(seed: int, length: int = 60) -> str:
    draw = random.Random(seed)
    return "".join(draw.choice(SENTENCES) for _ in range(length))


# pack

LEVELS = st.lists(st.integers(1, 400), unique=True, max_size=60).map(sorted)


@given(st.integers(1, 400), st.integers(1, 90), LEVELS, LEVELS, st.integers(0, 200))
def test_chunks_of_units_have_every_token_and_never_exceed_the_room(
    length: int, room: int, coarse: list[int], fine: list[int], overlap: int
) -> None:
    levels = [[at for at in level if at < length] for level in (coarse, sorted({*coarse, *fine}))]
    spans = pack(length, room, levels, overlap)
    assert {i for span in spans for i in range(span.start, span.stop)} == set(range(length))
    assert all(0 < span.stop - span.start <= room for span in spans)
    for before, after in itertools.pairwise(spans):
        assert after.stop > before.stop
        assert before.stop - after.start <= min(overlap, room // 4)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60), st.integers(0, 40))
def test_units_that_fit_are_never_broken(lengths: list[int], overlap: int) -> None:
    starts = list(itertools.accumulate(lengths))[:-1]
    edges = {0, *starts, sum(lengths)}
    for span in pack(sum(lengths), 20, [starts], overlap):
        assert {span.start, span.stop} <= edges


def test_without_units_chunks_overlap_as_those_of_tokens_do() -> None:
    assert pack(25, 10, [[]], 2) == [slice(0, 10), slice(8, 18), slice(16, 25)]


def test_a_coarse_unit_ends_a_chunk_where_it_is_long_enough() -> None:
    assert pack(100, 40, [[30], [10, 30, 38, 60, 75]], 0)[0] == slice(0, 30)
    assert pack(100, 40, [[5], [5, 38, 60, 75]], 0)[0] == slice(0, 38)  # a title does not stand alone


# Source


@pytest.mark.parametrize("seed", range(4))
def test_a_chunk_is_what_its_characters_say(encoder: TextEncoder, seed: int) -> None:
    """Chunks of whole sentences, read by themselves, have the same tokens."""
    text = a_text(seed).replace("code()", "code().")  # no unit is so long that it has to be broken
    ids, parts = parts_of(encoder, text, 128, Limits(policy="chunk", chunk_by="sentences"))
    assert len(parts) > 3
    same = 0
    for part in parts:
        assert part.span is not None
        (alone,) = encoder.ids([text[slice(*part.span)]])
        expected = ids[part.tokens]
        # The white space around it is joined to the first or the last token by some.
        inner = str(expected[2:-2])[1:-1]
        assert inner in str(alone)
        assert abs(len(alone) - len(expected)) <= 2
        same += alone == expected
    assert same >= len(parts) // 2


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SENTENCES) | st.text(st.characters(exclude_categories=()), max_size=12), max_size=30))
def test_chunks_of_tokens_cover_the_text_in_order_whatever_it_has(parts: list[str]) -> None:
    text = "".join(parts)
    for made in (checkpoints.byte_pairs, checkpoints.unigram_xlm):
        encoder = TextEncoder(made())
        for limits in (Limits(policy="chunk"), Limits(policy="chunk", chunk_by="sentences"), Limits()):
            ids, found = parts_of(encoder, text, 16, limits)
            assert all(part.tokens.stop - part.tokens.start <= 16 for part in found)
            spans = [part.span for part in found if part.span is not None]
            assert not spans or len(ids) > 16
            for start, end in spans:
                assert 0 <= start <= end <= len(text)
            for before, after in itertools.pairwise(spans):
                assert before[0] <= after[0]
                assert not text[before[1] : after[0]].strip()  # nothing but white space is between them
            if limits.policy == "chunk" and spans:
                assert not text[spans[-1][1] :].strip()


@pytest.mark.parametrize(
    "character", ["é", "e\u0301", "漢", "👩\u200d🚀", "\ud800", "\ud83d\ude00", "ﬁ", "İ", "\u00a0x"]
)
def test_places_are_counted_in_code_points_of_the_text_that_was_given(encoder: TextEncoder, character: str) -> None:
    text = f"{character} " * 40 + "the needle. " + "Hay " * 40
    _, parts = parts_of(encoder, text, 24, Limits(policy="chunk", chunk_by="sentences", overlap=0))
    assert any(text[: part.span[1]].endswith("the needle.") for part in parts if part.span)


def test_a_truncated_text_is_located_without_reading_it_again_and_to_the_same_place(encoder: TextEncoder) -> None:
    text = a_text(7, 400)
    ids, (quick,) = parts_of(encoder, text, 50, Limits())
    places = encoder.places(text, ids)
    assert len(places) == len(ids)
    assert quick.span is not None
    start, end = int(places[0, 0]), int(places[49, 1])
    assert (quick.span[0], quick.span[1]) == (start, end + len(text[end : int(places[50, 0])].rstrip()))


def test_places_in_a_text_of_several_slices_go_on_counting(encoder: TextEncoder) -> None:
    text = a_text(3, 3000)
    assert len(text) > 50_000
    (ids,) = encoder.ids([text])
    places = encoder.places(text, ids)
    assert len(places) == len(ids)
    for at in range(0, len(ids), 97):  # a word in one piece somewhere: its place holds what the token says
        start, end = places[at]
        assert end - start < 40
    assert len(text) - 10 < places[-1, 1] <= len(text)


@pytest.mark.parametrize("by", UNITS)
def test_a_text_that_fits_is_read_whole(by: ChunkBy) -> None:
    encoder = TextEncoder(checkpoints.byte_pairs())
    ids, parts = parts_of(encoder, "A river. A sea.", 64, Limits(policy="chunk", chunk_by=by))
    assert parts == [Part(slice(0, len(ids)))]


def test_text_in_front_and_lower_case_do_not_move_what_is_found() -> None:
    encoder = TextEncoder(checkpoints.byte_pairs())
    text, prompt = "İİİ The River rises. " * 12, "query: "
    (ids,) = encoder.ids([prompt + text.lower()])
    first = len(encoder.ids([prompt])[0])
    source = Source(text, prompt + text.lower(), ids, len(ids) - first, before=len(prompt), first=first, lowered=True)
    for part in source.parts(encoder, 40, Limits(policy="chunk", chunk_by="sentences", overlap=0)):
        assert part.span is not None
        assert text[slice(*part.span)].strip().endswith("rises.")


def test_by_tokens_the_cut_is_the_one_that_it_was() -> None:
    encoder = TextEncoder(checkpoints.byte_pairs())
    limits = Limits(policy="chunk", overlap=5)
    ids, parts = parts_of(encoder, "the river runs to the sea " * 30, 20, limits)
    assert [part.tokens for part in parts] == cut(len(ids), 20, limits)


def test_what_cannot_be_cut_is_refused_as_before() -> None:
    encoder = TextEncoder(checkpoints.byte_pairs())
    with pytest.raises(InputError, match="leave 0 tokens"):
        parts_of(encoder, "a river", 0, Limits(policy="chunk", chunk_by="sentences"))
    with pytest.raises(InputError, match="2 are free"):
        parts_of(encoder, "a river runs to the sea", 2, Limits(policy="error", chunk_by="sentences"))


# split_query


def test_a_query_is_split_at_its_sentences_and_nothing_of_it_is_lost() -> None:
    encoder = TextEncoder(checkpoints.byte_pairs())
    query = "Who wrote it? When was that? Where is the sea? What is a river?"
    parts = split_query(encoder, query, 20, Limits(query_policy="chunk", chunk_by="sentences", overlap=0))
    assert len(parts) > 1
    assert all(part.endswith("?") for part in parts)
    assert "".join(parts).replace(" ", "") == query.replace(" ", "")
    assert split_query(encoder, "short", 16, Limits(query_policy="chunk")) == ["short"]
