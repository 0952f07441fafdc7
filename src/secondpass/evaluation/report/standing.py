"""Where systems stand against each other on the same queries: means, intervals, tests. Knows values, no texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from secondpass.evaluation.bootstrap import Bootstrap, Interval, bootstrap
from secondpass.evaluation.record import CEILING, NO_RERANKING
from secondpass.evaluation.significance import Comparison, compare
from secondpass.evaluation.strata import Values

ALPHA = 0.05
"""Corrected p-values below it are marked."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`drawn` has all systems, the ceiling too; `compared` all pairs but those with the ceiling.

    `best`: the system with the highest mean, which can be "no reranking"; the ceiling does not compete.
    """

    drawn: Bootstrap
    compared: Mapping[tuple[str, str], Comparison]
    best: str

    def mean(self, system: str) -> Interval:
        """The mean and its interval."""
        return self.drawn.interval(system)

    def difference(self, first: str, second: str) -> Interval:
        """How far the first is above the second, on the same draws."""
        return self.drawn.difference(first, second).interval

    def comparison(self, first: str, second: str) -> Comparison:
        """The test of two systems, seen from the first."""
        if (first, second) in self.compared:
            return self.compared[first, second]
        found = self.compared[second, first]
        return replace(
            found, first=first, second=second, difference=-found.difference, wins=found.losses, losses=found.wins
        )


def standing(values: Values, weights: Mapping[str, float] | None = None) -> Standing:
    """Compare systems; the pairs are corrected together (Holm). `values` has "no reranking" and the ceiling."""
    drawn = bootstrap(values, weights)
    competing = {system: found for system, found in values.items() if system != CEILING}
    compared = {(pair.first, pair.second): pair for pair in compare(competing, weights)} if len(competing) > 1 else {}
    best = max(competing, key=lambda system: (drawn.interval(system).estimate, system != NO_RERANKING))
    return Standing(drawn, compared, best)
