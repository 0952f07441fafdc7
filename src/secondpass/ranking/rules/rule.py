"""What an instruction asks of documents, as values. Knows neither instructions nor documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

Kind = Literal["recency", "source", "type", "version", "language", "label"]
Strength = Literal["prefer", "only", "avoid"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One wish. `kind` says of what, `asks` how, in normalised form, `values` what it is held against.

    recency: "newest", "oldest", or "between" with the first and the last day as ISO dates ("" where it is open);
    "standing" and "lapsed": what holds on the day of the request, and what does not any more.
    version: "newest", "oldest", "stable", "prerelease", or "equal", "at least", "at most" with version numbers.
    language: "is" with ISO 639-1 codes. source, type, label: "names" with the words, each a way to comply; a label's
    words are of no known family, and are looked up among what the documents say of themselves.

    `priority`: 0 counts first. `strength`: "prefer" lifts what complies, "only" lowers what does not as well, "avoid"
    lowers what complies. `span`: where the instruction says so, as start and end characters; `words`: what it says.
    """

    kind: Kind
    asks: str
    values: tuple[str, ...] = ()
    priority: int = 0
    strength: Strength = "prefer"
    span: tuple[int, int] = (0, 0)
    words: str = ""

    def __str__(self) -> str:
        return f"{self.strength} {self.kind} {self._asked()} (priority {self.priority})"

    def _asked(self) -> str:
        if self.asks == "between":
            first, last = self.values
            if first and last:
                return f"from {first} to {last}"
            return f"from {first} on" if first else f"up to {last}"
        named = ", ".join(self.values)
        return f"{self.asks} {named}".strip() if self.asks not in ("names", "is") else named

    def to_dict(self) -> Mapping[str, Any]:
        """The rule as JSON's types."""
        return {
            "kind": self.kind,
            "asks": self.asks,
            "values": list(self.values),
            "priority": self.priority,
            "strength": self.strength,
            "span": list(self.span),
            "words": self.words,
        }

    @property
    def days(self) -> tuple[int, int]:
        """A "between" rule's first and last day as ordinals, open ends far away."""
        first, last = self.values
        return (
            date.fromisoformat(first).toordinal() if first else date.min.toordinal(),
            date.fromisoformat(last).toordinal() if last else date.max.toordinal(),
        )
