"""Prices of the models of a report, where a table has them. Knows names and prices."""

from __future__ import annotations

from collections.abc import Iterable

from secondpass.errors import InputError, UnknownModel
from secondpass.evaluation.prices import PriceTable, TokenPrice


def known_prices(table: PriceTable, models: Iterable[str]) -> dict[str, TokenPrice]:
    """The price per million tokens of each model that the table can price; the others are left out."""
    found: dict[str, TokenPrice] = {}
    for model in models:
        try:
            found[model] = table.of(model)
        except (InputError, UnknownModel):  # hybrids and folders have neither a list price nor a known size
            continue
    return found
