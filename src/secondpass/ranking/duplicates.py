"""Near-duplicates: of documents that are all but the same text, the best stays, and tells which others it stands for.

Knows a ranking and how alike its documents are; no model.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from secondpass.errors import InputError
from secondpass.ranking.likeness import Alike, Shingles
from secondpass.text.render import render
from secondpass.types import Hit, Ranking


def collapse(ranking: Ranking, *, similarity: float = 0.9, alike: Alike | None = None) -> Ranking:
    """The ranking without the hits that are at least as alike as `similarity` to one above them that stays.

    They are named in `Hit.duplicates` of the one that is most alike, so that nothing is lost; logits and scores stay as
    they are. `alike`: the share of three-word shingles in common (Broder, 1997), or a function such as a bi-encoder's
    `score`. Raises `InputError`.
    """
    if not 0 < similarity <= 1:
        raise InputError(f"similarity={similarity}: give a share above 0, up to 1 for the very same.")
    alike = alike or Shingles()
    kept: list[Hit] = []
    texts: list[str] = []
    for hit in ranking:
        text = render(hit.document)
        likeness = alike(text, texts) if texts else np.zeros(1)
        nearest = int(np.argmax(likeness))
        if likeness[nearest] < similarity:
            kept.append(hit)
            texts.append(text)
        else:
            same = (*kept[nearest].duplicates, hit.index, *hit.duplicates)
            kept[nearest] = replace(kept[nearest], duplicates=same)
    return replace(ranking, hits=tuple(kept))
