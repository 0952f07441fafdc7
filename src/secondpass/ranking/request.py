"""What is asked of a reranker: one query with its documents, checked and rendered, and the order in which it is read.

Knows what callers may give, and how to name it back to them; nothing of models but the function that reads texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from secondpass.errors import InputError
from secondpass.models.scorer import Reading
from secondpass.ranking.rules import Understood, understand
from secondpass.text.render import RENDERER, as_documents, as_query, render
from secondpass.types import AnyDocument

BLOCK = 256
"""Documents that are tokenised together, and no more ahead of the streams than a window or two."""

Reader = Callable[[Sequence[str]], list[Reading]]
"""Prepares rendered documents for one query (`PairScorer.read` gives it)."""

Block = tuple[int, Sequence[int]]
"""A request's number, and positions of some of its documents."""


Now = date | datetime | str | None
"""A day or a moment, as text in ISO 8601 too; one without a time zone is in UTC."""

Called = Callable[[int], str]
"""What the caller knows a document by, from its position in the request; for messages."""


@dataclass(frozen=True, slots=True)
class Request:
    """A query and its documents: as the caller gave them, and as the texts that a model reads.

    `understood`: the rules in the instruction, none where they are not wanted. `now`: what dates are held against.
    `until`: when the answer is wanted, by `time.monotonic()`; `top_n`: how many of the best will be looked at.
    `priority`: a higher one goes first where several wait; `gone`: whether the caller is, asked often and from any
    thread.
    """

    query: str
    instruction: str | None
    documents: Sequence[AnyDocument]
    texts: Sequence[str]
    called: Called
    now: datetime
    understood: Understood
    fields: Sequence[str] = ()
    renderer: int = RENDERER
    until: float | None = None
    top_n: int | None = None
    priority: int = 0
    gone: Callable[[], bool] | None = None

    @property
    def left(self) -> str | None:
        """The part of the instruction that the model has to follow, None where there is none."""
        return self.understood.left or None if self.understood else self.instruction

    @classmethod
    def of(
        cls,
        query: str,
        documents: Iterable[AnyDocument],
        *,
        instruction: str | None,
        renderer: int,
        fields: Sequence[str] = (),
        now: Now = None,
        rules: bool = True,
        called: Called = "documents[{}]".format,
    ) -> Request:
        """Check and render what the caller gave. Raises `InputError`."""
        asked = as_query(query)
        if instruction is not None and not isinstance(instruction, str):
            raise InputError(f"instruction={instruction!r:.80} is no text: give a string, or None for no instruction.")
        if isinstance(fields, str):
            raise InputError(f"fields={fields!r} is a single name: put it into a list, [{fields!r}].")
        listed = as_documents(documents)
        texts = [render(one, version=renderer, fields=fields) for one in listed]
        moment = as_moment(now)
        understood = understand(instruction if rules else None, moment, listed, texts)
        return cls(asked, instruction or None, listed, texts, called, moment, understood, fields, renderer)

    def for_part(self, renderer: int) -> Request:
        """The same for a part of a whole, in its own renderer; rules are left to the whole."""
        texts = self.texts
        if renderer != self.renderer:
            texts = [render(one, version=renderer, fields=self.fields) for one in self.documents]
        left, nothing = self.left, understand(None, self.now)
        return replace(self, instruction=left, texts=texts, understood=nothing, renderer=renderer)

    def of_documents(self, positions: Sequence[int], until: float | None = None) -> Request:
        """The same about some of the documents."""
        documents, texts = [self.documents[at] for at in positions], [self.texts[at] for at in positions]
        called = self.called
        return replace(self, documents=documents, texts=texts, called=lambda at: called(positions[at]), until=until)

    def readings(self, reader: Reader, positions: Sequence[int]) -> list[Reading]:
        """Readings of some of the documents. A reader knows texts alone, so it is found out here whose is refused."""
        texts = [self.texts[i] for i in positions]
        try:
            return reader(texts)
        except InputError:
            for position, text in zip(positions, texts, strict=True):
                try:
                    reader([text])
                except InputError as error:
                    raise InputError(f"{self.called(position)}: {error}") from error
            raise


def as_moment(now: Now) -> datetime:
    """A moment in its time zone, UTC where it names none; the present one for None. Raises `InputError`."""
    if now is None:
        return datetime.now(UTC)
    if isinstance(now, str):
        try:
            now = datetime.fromisoformat(now)
        except ValueError as error:
            raise InputError(f"now={now!r} is no date: give one as 2026-11-20 or 2026-11-20T09:30+01:00.") from error
    if not isinstance(now, date):
        raise InputError(f"now={now!r:.80} is no date: give a date, a datetime, or text as 2026-11-20.")
    moment = now if isinstance(now, datetime) else datetime(now.year, now.month, now.day)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def moment_of(began: float, budget_ms: float | None) -> float | None:
    """When a budget that began then is over, by the same clock; None where there is none. Raises `InputError`."""
    if budget_ms is None:
        return None
    if not budget_ms > 0:
        raise InputError(f"budget_ms={budget_ms}: give the milliseconds that a ranking may take, or None.")
    return began + budget_ms / 1000


def check_cutoffs(top_n: int | None, min_score: float | None) -> None:
    """Before anything is computed: nothing can mend a cutoff afterwards. Raises `InputError`."""
    if top_n is not None and top_n < 1:
        raise InputError(f"top_n={top_n}: give 1 or more, or None for all.")
    if min_score is not None and not 0 <= min_score <= 1:
        raise InputError(f"min_score={min_score}: scores lie between 0 and 1; give one of them, or None for all.")


def called_in(at: Sequence[int]) -> Called:
    """For documents that stand at the positions `at` of a list of pairs."""
    return lambda position: f"pairs[{at[position]}]"


def by_request(requests: Sequence[Request], size: int = BLOCK) -> Iterator[Block]:
    """One request after the other, its documents in blocks."""
    for number, request in enumerate(requests):
        for start in range(0, len(request.texts), size):
            yield number, range(start, min(start + size, len(request.texts)))


def by_text(requests: Sequence[Request]) -> Iterator[Block]:
    """Requests that ask about one text follow each other, so that a separable model reads it once for all of them."""
    asking: dict[str, dict[int, list[int]]] = {}
    for number, request in enumerate(requests):
        for position, text in enumerate(request.texts):
            asking.setdefault(text, {}).setdefault(number, []).append(position)
    for requested in asking.values():
        yield from requested.items()
