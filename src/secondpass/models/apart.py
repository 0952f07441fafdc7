"""Which checkpoints read query and document apart, and how: late interaction, sparse models and bi-encoders.

Knows the files that publishers write; nothing of graphs and backends.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from secondpass.backends.network import Body, Chain, Tokens, Vocabulary
from secondpass.errors import ModelLoadError
from secondpass.models.bi_encoder import asks, is_dpr, read_bi_encoder, read_dpr
from secondpass.models.late import is_late, read_late, read_plain
from secondpass.models.sentence import Published, read_published, require_known
from secondpass.models.separate import Separation
from secondpass.models.sparse import is_sparse, read_sparse

Apart = Literal["bi-encoder", "late", "sparse"]

RECIPES: Mapping[str, Apart] = {"cosine": "bi-encoder", "maxsim": "late", "splade": "sparse"}
"""What may be asked for by name of an encoder that was not trained to rank, and the family that it is then read as."""


def family_of(folder: Path) -> Apart | None:
    """The family that a checkpoint's own files tell of; None where they do not.

    A bi-encoder's say no more than that it makes vectors, which is not taken for a wish to rank by them; DPR's do.
    """
    files = read_published(folder)
    if is_late(files):
        return "late"
    if is_sparse(files):
        return "sparse"
    return "bi-encoder" if is_dpr(files) else None


def separation(folder: Path, family: Apart) -> tuple[Separation, Chain | Tokens | Vocabulary, Body | None]:
    """How the checkpoint in `folder` is read as one of `family`, its head, and its body where that is not its own.

    Raises `ModelLoadError` where its files say something that is not known here.
    """
    files = read_published(folder)
    require_known(files)
    if family == "sparse":
        return *read_sparse(files), None
    if family == "late":
        return *(read_late(files) if is_late(files) else read_plain(files)), None
    if is_dpr(files):
        _require_documents(files)
        return read_dpr(files)
    return *read_bi_encoder(files), None


def _require_documents(files: Published) -> None:
    if asks(files):
        raise ModelLoadError(
            f"{files.folder} reads questions alone. Load the encoder of documents that was trained with it "
            "(ctx_encoder in its name), and name this one with query_model=."
        )
