from hypothesis import given
from hypothesis import strategies as st

from secondpass.engine.batching import batches
from secondpass.models.scorer import padded_length

LENGTHS = st.lists(st.integers(1, 600), max_size=80)


@given(LENGTHS, st.integers(64, 2048), st.integers(1, 8))
def test_every_row_is_in_exactly_one_batch(lengths: list[int], budget: int, streams: int) -> None:
    made = batches(lengths, budget=budget, streams=streams)
    assert sorted(row for batch in made for row in batch) == list(range(len(lengths)))


@given(LENGTHS, st.integers(64, 2048), st.integers(1, 8))
def test_a_batch_keeps_to_the_budget_unless_one_row_alone_is_longer(
    lengths: list[int], budget: int, streams: int
) -> None:
    for batch in batches(lengths, budget=budget, streams=streams):
        cost = len(batch) * max(padded_length(lengths[row]) for row in batch)
        assert cost <= budget or len(batch) == 1


@given(LENGTHS, st.integers(1, 4))
def test_batches_run_from_the_longest_rows_to_the_shortest(lengths: list[int], streams: int) -> None:
    order = [lengths[row] for batch in batches(lengths, streams=streams) for row in batch]
    assert order == sorted(lengths, reverse=True)


def test_batches_share_out_evenly_over_the_streams() -> None:
    made = batches([128] * 100, budget=1024, streams=2)
    assert len(made) % 2 == 0
    assert max(map(len, made)) - min(map(len, made)) <= 2


def test_rows_of_one_length_waste_no_padding() -> None:
    assert [len(batch) for batch in batches([64] * 64, budget=1024)] == [16] * 4


def test_nothing_gives_no_batches() -> None:
    assert batches([]) == []


def test_lengths_are_padded_to_the_next_multiple_of_eight() -> None:
    assert [padded_length(n) for n in (1, 8, 9, 512)] == [8, 8, 16, 512]
