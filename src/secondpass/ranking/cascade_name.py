"""How a cascade is written as a name: `cascade(bm25=200, embedded=30, BAAI/bge-reranker-v2-m3)`.

Knows the notation alone; not whether there are models of the names in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from secondpass.errors import InputError
from secondpass.ranking.hybrid_name import parts_in, written

_OPENING = re.compile(r"\s*cascade\s*\(")
_SO = "Write it as 'cascade(bm25=200, embedded=30, org/name)': each stage with what it keeps, the last without."


@dataclass(frozen=True, slots=True)
class CascadeName:
    """The `stages` of a cascade from the cheapest, and how many documents each but the last one `keep`s."""

    stages: tuple[str, ...]
    keep: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> CascadeName:
        """Read `cascade(name=keep, ..., name)`; names as in a hybrid's. Raises `InputError` naming the stage."""
        opening = _OPENING.match(text)
        if opening is None:
            raise InputError(f"{text!r} does not begin with 'cascade('. {_SO}")
        *early, (last, none) = parts_in(text, opening.end())
        for name, keep in early:
            if keep is None or keep != int(keep):
                raise InputError(f"{text!r}: {name!r} does not say how many documents it keeps. {_SO}")
        if none is not None:
            raise InputError(f"{text!r}: {last!r} is the last stage, which keeps all that it gets. {_SO}")
        return cls((*(name for name, _ in early), last), tuple(int(keep or 0) for _, keep in early))

    def __str__(self) -> str:
        """The name that `parse` reads as this."""
        early = (f"{written(name)}={keep}" for name, keep in zip(self.stages, self.keep, strict=False))
        return f"cascade({', '.join([*early, written(self.stages[-1])])})"


def is_cascade(name: str) -> bool:
    """Whether a model's name is to be read as a cascade's."""
    return _OPENING.match(name) is not None
