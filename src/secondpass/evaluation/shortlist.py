"""Which models are worth measuring on somebody's data: those that may be used, that fit, and that are here.

Knows the catalogue, names and the hub's cache; loads nothing and measures nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from secondpass.errors import InputError, UnknownModel
from secondpass.models.catalog import Row, find, rows, why_not
from secondpass.models.hub import Repository
from secondpass.ranking.hybrid_name import HybridName, is_hybrid
from secondpass.text.lexical import VARIANTS

BUILT_IN = (
    "embedded",
    "embedded-maxsim",
    "embedded-cosine",
    *VARIANTS,
    "hybrid(bm25, embedded)",
    "hybrid(log-odds: bm25=1, embedded=3)",
)
"""What needs no download, the best that we know of first."""

ANY = "any"
COMMERCIAL = "commercial"
PERMISSIVE = frozenset({"Apache-2.0", "MIT", "OpenMDW-1.1"})
"""Licences that allow commercial use to everyone; one with terms of its own has to be read by who uses it."""

ABSENT = "would have to be downloaded, which --download allows"
"""Why a model is left out that fits and is not here."""

BYTES = 2
"""Bytes a parameter as most checkpoints are stored, for the size of a download and for what fits the memory."""

MULTILINGUAL = "multilingual"
_ENCODERS = {"embedded-cosine": "embedded", "embedded-maxsim": "embedded"}
_APART = frozenset({"bi-encoder", "late", "sparse"})
_CODE = re.compile(r"[a-z]{2}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a model has to be like.

    `languages`: ISO 639-1 codes, all of which it reads; `licence`: "any", "commercial", or an SPDX identifier;
    `billions`: the largest, in 1e9 parameters; `memory`: bytes that its weights must fit, None where nobody knows;
    `download`: whether models that are not here may be fetched. Raises `InputError`.
    """

    languages: tuple[str, ...] = ()
    licence: str = ANY
    billions: float = 1.0
    memory: int | None = None
    download: bool = False

    def __post_init__(self) -> None:
        for code in self.languages:
            if not _CODE.fullmatch(code):
                raise InputError(f"{code!r} is no language code: write ISO 639-1's two small letters, as in de,en.")
        known = {row.licence.casefold() for row in rows()}
        if self.licence.casefold() not in {ANY, COMMERCIAL, *known}:
            raise InputError(
                f"No model has the licence {self.licence!r}: write {COMMERCIAL}, {ANY}, or one of "
                f"{', '.join(sorted({row.licence for row in rows()}))}."
            )
        if not self.billions > 0:
            raise InputError(f"billions={self.billions:g}: the largest model has more than 0 parameters.")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A model that is not measured, and why; the same words for the same reason."""

    model: str
    why: str


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The models to measure, in that order, and the others. `named`: those that were asked for by name."""

    models: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    named: frozenset[str] = frozenset()


def shortlist(
    wish: Wish, named: Sequence[str] = (), *, is_here: Callable[[str], bool] = lambda name: is_cached(name)
) -> Shortlist:
    """The models that fit: those in `named` first, then what is in the package, then the catalogue's by their size.

    A model that is named is measured whatever the catalogue says of its languages and size, since measuring tells more,
    and so is one whose licence has terms of its own. `is_here`: whether a hub id is in the cache. Raises `InputError`
    where nothing is left, and for the name of a model whose licence forbids what is wished for.
    """
    for name in named:
        refused = next((why for row in _rows_of(name) if (why := _forbidden(row, wish))), "")
        if refused:
            raise InputError(f"{name} was asked for, and {refused}: leave it out, or choose another --licence.")
    chosen, left = list(dict.fromkeys(named)), list[LeftOut]()
    on_hub = sorted((row for row in rows() if "/" in row.name), key=lambda row: row.parameters or 0)
    for name in (*BUILT_IN, *(row.name for row in on_hub)):
        why = "" if name in chosen else _why_not(name, wish, is_here)
        if why:
            left.append(LeftOut(name, why))
        elif name not in chosen:
            chosen.append(name)
    if not chosen:
        raise InputError(
            f"No model fits --languages {','.join(wish.languages)} --licence {wish.licence}: name some with --models."
        )
    return Shortlist(tuple(chosen), tuple(left), frozenset(named))


def is_cached(name: str) -> bool:
    """Whether a hub id was ever fetched."""
    return Repository(name).cached() is not None


def remember_mb(name: str) -> int | None:
    """What `secondpass.load` is given, so that nothing of a document is kept from one query for the next.

    A few queries share many candidates, more than those of a live search do: times would be too good. None for models
    that take no such option, hybrids among them.
    """
    if is_hybrid(name):
        return None
    is_apart = name in _ENCODERS or any(row.family in _APART for row in _rows_of(name))
    return 0 if is_apart or name.startswith((".", "/")) else None


def download_bytes(name: str) -> int | None:
    """About how much there is to fetch; None where the catalogue does not know the size."""
    parameters = find(name).parameters
    return None if parameters is None else BYTES * parameters


def _why_not(name: str, wish: Wish, is_here: Callable[[str], bool]) -> str:
    found = _rows_of(name)
    for check in (_unreadable, _forbidden, _unclear, _foreign, _too_large):
        why = next((why for row in found if (why := check(row, wish))), "")
        if why:
            return why
    if "/" in name and not wish.download and not is_here(name):
        return ABSENT
    return ""


def _rows_of(name: str) -> list[Row]:
    """What the catalogue says of a model, or of a hybrid's parts; nothing of folders and of what is not listed."""
    if is_hybrid(name):
        return [row for part in HybridName.parse(name).parts for row in _rows_of(part)]
    try:
        return [find(_ENCODERS.get(name, name))]
    except UnknownModel:
        return []


def _unreadable(row: Row, wish: Wish) -> str:
    return "this version cannot load it" if why_not(row) else ""


def _forbidden(row: Row, wish: Wish) -> str:
    if wish.licence.casefold() in (ANY, row.licence.casefold()):
        return ""
    if wish.licence.casefold() != COMMERCIAL:
        return f"its licence is {row.licence}"
    return f"its licence, {row.licence}, forbids commercial use" if row.non_commercial else ""


def _unclear(row: Row, wish: Wish) -> str:
    if wish.licence.casefold() != COMMERCIAL or row.licence in PERMISSIVE:
        return ""
    return f"its licence is {row.licence}: name it with --models if its terms allow your use"


def _foreign(row: Row, wish: Wish) -> str:
    if MULTILINGUAL in row.languages or not set(wish.languages) - set(row.languages):
        return ""
    return f"its languages are {', '.join(row.languages) or 'not known'}"


def _too_large(row: Row, wish: Wish) -> str:
    if row.parameters is None:
        return "its size is not known: name it with --models"
    if row.parameters > wish.billions * 1e9:
        return f"it has more than {wish.billions:g} billion parameters (--billions)"
    if wish.memory is not None and BYTES * row.parameters > wish.memory:
        return "its weights do not fit the memory"
    return ""
