from hypothesis import given
from hypothesis import strategies as st

from secondpass.engine.batching import MOST_ROWS, batches
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


def test_rows_of_one_group_come_together_and_cost_as_much_as_one() -> None:
    groups = [number % 4 for number in range(400)]
    made = batches([256] * 400, groups, budget=1024)
    assert [len(batch) for batch in made] == [400]
    assert [groups[row] for row in made[0]] == sorted(groups)


def test_a_group_does_not_grow_a_batch_without_end() -> None:
    assert max(map(len, batches([8] * 2000, [1] * 2000))) == MOST_ROWS


@given(LENGTHS, st.lists(st.none() | st.integers(0, 5), min_size=80, max_size=80), st.integers(1, 3))
def test_groups_lose_no_row(lengths: list[int], groups: list[int | None], streams: int) -> None:
    made = batches(lengths, groups[: len(lengths)], streams=streams)
    assert sorted(row for batch in made for row in batch) == list(range(len(lengths)))


def test_nothing_gives_no_batches() -> None:
    assert batches([]) == []


def test_lengths_are_padded_to_the_next_multiple_of_eight() -> None:
    assert [padded_length(n) for n in (1, 8, 9, 512)] == [8, 8, 16, 512]
