from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.models.side import Expansion, Side
from secondpass.text.encode import Limits, TextEncoder
from tests import checkpoints

ENCODER = TextEncoder(checkpoints.word_piece())
BYTES = TextEncoder(checkpoints.byte_pairs())
CLS, SEP, MASK = 2, 3, 4
TEXT = "the river rises in the mountains and runs to the sea."
(IDS,) = ENCODER.ids([TEXT])


def test_a_document_stands_between_the_special_tokens() -> None:
    (rows,) = Side((CLS, 9), (SEP,)).documents(ENCODER, [TEXT], Limits())
    assert rows.rows[0].ids.tolist() == [CLS, 9, *IDS, SEP]
    assert (rows.tokens, rows.parts[0].span, rows.rows[0].attended) == (len(IDS), None, len(IDS) + 3)


def test_a_document_is_cut_to_the_side_s_limit_and_that_is_reported() -> None:
    (rows,) = Side((CLS, 9), (SEP,), limit=8, longest=64).documents(ENCODER, [TEXT], Limits())
    assert rows.rows[0].ids.tolist() == [CLS, 9, *IDS[:5], SEP]
    assert rows.tokens == len(IDS)
    assert rows.parts[0].span is not None
    assert rows.parts[0].span[0] == 0 < rows.parts[0].span[1] < len(TEXT)


def test_a_caller_s_limit_goes_before_the_side_s_but_not_beyond_what_can_be_read() -> None:
    side = Side((CLS,), (SEP,), limit=8, longest=12)
    assert len(side.documents(ENCODER, [TEXT], Limits(max_tokens=10))[0].rows[0]) == 10
    assert len(side.documents(ENCODER, [TEXT], Limits(max_tokens=500))[0].rows[0]) == 12


def test_every_chunk_has_the_prompt_and_together_they_hold_every_token() -> None:
    side = Side((CLS,), (SEP,), prompt="a panda ", limit=12)
    (prompt,) = ENCODER.ids(["a panda"])
    (rows,) = side.documents(ENCODER, [TEXT], Limits(policy="chunk", overlap=2))
    assert len(rows.rows) > 1
    assert len(rows.parts) == len(rows.rows)
    for row in rows.rows:
        assert row.ids[: len(prompt) + 1].tolist() == [CLS, *prompt]
        assert len(row) <= 12
    read = {token for row in rows.rows for token in row.ids.tolist()}
    assert set(IDS) <= read


def test_prompt_and_text_are_tokenised_together() -> None:
    """Byte pairs join the prompt's last space with the first word."""
    (rows,) = Side((), (), prompt="query: ").documents(BYTES, ["river"], Limits())
    (together,) = BYTES.ids(["query: river"])
    assert rows.rows[0].ids.tolist() == together
    assert rows.tokens == len(together) - len(BYTES.ids(["query:"])[0])


def test_a_query_is_filled_up_with_tokens_that_the_others_do_not_see() -> None:
    row = Side((CLS,), (SEP,), limit=12, expansion=Expansion(MASK, 12)).query(ENCODER, "a river", Limits())
    (ids,) = ENCODER.ids(["a river"])
    assert row.ids.tolist() == [CLS, *ids, SEP, *[MASK] * (12 - len(ids) - 2)]
    assert row.attended == len(ids) + 2
    seen = Side((CLS,), (SEP,), limit=12, expansion=Expansion(MASK, 12, attend=True))
    assert seen.query(ENCODER, "a river", Limits()).attended == 12


def test_a_long_query_is_read_whole_and_cut_only_for_the_reference_truncation() -> None:
    side = Side((CLS,), (SEP,), limit=10, longest=64, expansion=Expansion(MASK, 10))
    assert side.query(ENCODER, TEXT, Limits()).ids.tolist() == [CLS, *IDS, SEP]
    assert side.query(ENCODER, TEXT, Limits(truncation="reference")).ids.tolist() == [CLS, *IDS[:8], SEP]


def test_a_query_beyond_what_can_be_read_is_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match=rf"{len(IDS)} tokens.*reads 8.*Shorten"):
        Side((CLS,), (SEP,), longest=8).query(ENCODER, TEXT, Limits())


def test_rows_of_other_tokens_or_other_masks_have_other_keys() -> None:
    side = Side((CLS,), (SEP,))
    one, other = (rows.keys[0] for rows in side.documents(ENCODER, ["a river", "a panda"], Limits()))
    (again,) = (rows.keys[0] for rows in side.documents(ENCODER, ["a river"], Limits()))
    hidden = Side((CLS,), (SEP, MASK)).query(ENCODER, "a river", Limits())
    filled = Side((CLS,), (SEP,), expansion=Expansion(MASK, len(hidden))).query(ENCODER, "a river", Limits())
    assert one == again
    assert one != other
    assert hidden.ids.tolist() == filled.ids.tolist()
    assert hidden.key != filled.key


@given(text=st.text(max_size=60), limit=st.integers(8, 20))
def test_no_row_is_longer_than_the_limit(text: str, limit: int) -> None:
    for policy in ("truncate", "chunk"):
        (rows,) = Side((CLS,), (SEP,), limit=limit).documents(ENCODER, [text], Limits(policy=policy))
        assert all(len(row) <= limit for row in rows.rows)
        assert rows.rows
