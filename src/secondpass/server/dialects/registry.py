"""Which dialects there are, and which of them may answer at a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secondpass.server.dialects.bedrock import BEDROCK
from secondpass.server.dialects.cohere import AZURE, COHERE_V1, COHERE_V2
from secondpass.server.dialects.contextual import CONTEXTUAL
from secondpass.server.dialects.dashscope import DASHSCOPE, DASHSCOPE_COMPATIBLE
from secondpass.server.dialects.deepinfra import DEEPINFRA
from secondpass.server.dialects.dialect import Dialect, Sent
from secondpass.server.dialects.fireworks import FIREWORKS
from secondpass.server.dialects.google import GOOGLE
from secondpass.server.dialects.infinity import INFINITY
from secondpass.server.dialects.isaacus import ISAACUS
from secondpass.server.dialects.jina import JINA
from secondpass.server.dialects.llamacpp import LLAMACPP, LLAMACPP_TEXTS
from secondpass.server.dialects.mixedbread import MIXEDBREAD
from secondpass.server.dialects.nim import NIM
from secondpass.server.dialects.pinecone import PINECONE
from secondpass.server.dialects.scaleway import SCALEWAY
from secondpass.server.dialects.shared import SHARED
from secondpass.server.dialects.siliconflow import SILICONFLOW
from secondpass.server.dialects.tei import TEI
from secondpass.server.dialects.together import TOGETHER
from secondpass.server.dialects.vllm import VLLM, VLLM_SCORE
from secondpass.server.dialects.voyage import VOYAGE
from secondpass.server.dialects.xinference import XINFERENCE
from secondpass.server.dialects.zeroentropy import ZEROENTROPY

DIALECTS: tuple[Dialect, ...] = (
    TEI,
    BEDROCK,
    PINECONE,
    MIXEDBREAD,
    COHERE_V1,
    COHERE_V2,
    JINA,
    CONTEXTUAL,
    VOYAGE,
    VLLM,
    VLLM_SCORE,
    INFINITY,
    LLAMACPP_TEXTS,
    LLAMACPP,
    TOGETHER,
    NIM,
    XINFERENCE,
    SILICONFLOW,
    DASHSCOPE,
    DASHSCOPE_COMPATIBLE,
    GOOGLE,
    AZURE,
    ISAACUS,
    ZEROENTROPY,
    FIREWORKS,
    DEEPINFRA,
    SCALEWAY,
    SHARED,
)
"""In the order in which they are asked whether a body is theirs; the last at a path takes what nobody else claims."""


def routes() -> dict[str, tuple[Dialect, ...]]:
    """Every path with the dialects that may answer there, those of the root first; fixed paths before open ones."""
    found: dict[str, list[Dialect]] = {}
    for dialect in DIALECTS:
        for path in dialect.at_root:
            found.setdefault(path, []).append(dialect)
    for dialect in DIALECTS:
        for path in dialect.paths:
            found.setdefault(f"/{dialect.prefix}{path}".rstrip("/"), []).append(dialect)
    ordered = sorted(found, key=lambda path: "{" in path)
    return {path: tuple(found[path]) for path in ordered}


def prefixes() -> tuple[str, ...]:
    """The dialects' prefixes, without slashes."""
    return tuple(dict.fromkeys(dialect.prefix for dialect in DIALECTS))


def chosen(candidates: tuple[Dialect, ...], body: Mapping[str, Any], sent: Sent) -> Dialect:
    """The first of the `candidates` that claims the body, or the last."""
    return next((one for one in candidates if one.claims(body, sent)), candidates[-1])


def presumed(candidates: tuple[Dialect, ...], headers: Mapping[str, str]) -> Dialect:
    """Whose form a refusal has before the body is read: the one whose signature the headers have, or the last."""
    given = headers.get("authorization", "")
    return next((one for one in candidates if one.signature and given.startswith(one.signature)), candidates[-1])
