from __future__ import annotations

from typing import get_args

from secondpass.cli import options
from secondpass.text import encode


def test_the_policies_and_truncations_offered_are_those_that_the_library_has() -> None:
    assert get_args(options.Policy) == get_args(encode.Policy)
    assert get_args(options.Truncation) == get_args(encode.Truncation)
    assert get_args(options.Aggregate) == get_args(encode.Aggregate)
    assert get_args(options.ChunkBy) == get_args(encode.ChunkBy)
    assert get_args(options.QueryPolicy) == get_args(encode.QueryPolicy)
