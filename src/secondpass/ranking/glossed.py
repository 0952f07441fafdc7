"""A second reading, in English, of what a model that reads English alone cannot read: word for word, by a glossary.

Knows requests, languages by their codes, and what asks the model; neither models nor how words are found. A glossary
needs no version in a cache's key: the gloss is the text that is scored, and the text is in the key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from secondpass.ranking.outcome import Scored
from secondpass.ranking.request import Request
from secondpass.text.glossary import Gloss, Glossary

ENOUGH = 0.2
"""Share of a text that has to be found: below it, a gloss is too thin to say what the text is about."""

Ask = Callable[[Sequence[Request]], list[Scored]]
"""Has a model read requests, an outcome each."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A glossary for one model; `longest`: characters that the model reads of a document at most, None for all."""

    glossary: Glossary
    longest: int | None

    def read(self, requests: Sequence[Request], ask: Ask) -> list[Scored]:
        """Each request's outcome, documents in a language other than the query's by the better of two readings.

        The second ones are asked for on their own, so that batches of the first, and with them every logit that is not
        bettered, are what they are without a glossary.
        """
        found = ask(requests)
        again = [self._again(request) for request in requests]
        asked = [second for second in again if second is not None]
        bettered = iter(ask([second.request for second in asked]) if asked else ())
        return [
            first if second is None else _better(first, next(bettered), second.positions)
            for first, second in zip(found, again, strict=True)
        ]

    def _again(self, request: Request) -> _Again | None:
        query = self.glossary.gloss(request.query)
        if query.language is None:
            return None
        glosses = [self.glossary.gloss(text[: self.longest]) for text in request.texts]
        positions = [at for at, one in enumerate(glosses) if _foreign(one, query.language)]
        if not positions or not _told(query):
            return None
        of = request.of_documents(positions, request.until)
        return _Again(replace(of, query=query.text, texts=[glosses[at].text for at in positions]), positions)


@dataclass(frozen=True, slots=True)
class _Again:
    """What is asked once more: a request, and where its documents stand in the one that it was made of."""

    request: Request
    positions: Sequence[int]


def _foreign(gloss: Gloss, language: str) -> bool:
    return gloss.language not in (None, language) and _told(gloss)


def _told(gloss: Gloss) -> bool:
    return bool(gloss.text) and (gloss.language == "en" or gloss.share >= ENOUGH)


def _better(first: Scored, second: Scored, positions: Sequence[int]) -> Scored:
    """The higher logit of two readings; a document that was not read once is not read, whatever its gloss is."""
    gains = np.zeros(len(first.logits))
    gains[list(positions)] = np.fmax(second.logits - first.logits[list(positions)], 0.0)
    gains[np.isnan(gains)] = 0.0
    degraded = first.degraded or second.degraded
    return replace(first, logits=first.logits + gains, gloss=gains.tolist(), degraded=degraded)
