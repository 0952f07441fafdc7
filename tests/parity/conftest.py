"""What the parity tests share: the record that docs/parity.md is written of."""

from __future__ import annotations

import pytest

from tests.parity.record import Parity

_LAST = "test_record.py"


@pytest.fixture(scope="session")
def parity() -> Parity:
    """The record of this run: `parity.record(family, reference, version, difference)`."""
    return Parity()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test of the page comes after all that record something."""
    items.sort(key=lambda item: item.path.name == _LAST)
