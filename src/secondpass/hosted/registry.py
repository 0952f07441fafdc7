"""Which providers there are, by name, and what a name such as `tei:http://localhost:8080` means.

A provider's file is imported when it is asked for; the HTTP client when a scorer is opened.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from secondpass.errors import InputError, UnknownModel
from secondpass.hosted.provider import Provider

if TYPE_CHECKING:
    from secondpass.hosted.scorer import HostedScorer

_PROVIDERS = {
    "azure": "cohere:AZURE",
    "cohere": "cohere:COHERE",
    "cohere-v1": "cohere:COHERE_V1",
    "contextual": "contextual:CONTEXTUAL",
    "dashscope": "dashscope:DASHSCOPE",
    "deepinfra": "deepinfra:DEEPINFRA",
    "fireworks": "fireworks:FIREWORKS",
    "infinity": "infinity:INFINITY",
    "isaacus": "isaacus:ISAACUS",
    "jina": "jina:JINA",
    "llamacpp": "llamacpp:LLAMACPP",
    "mixedbread": "mixedbread:MIXEDBREAD",
    "nim": "nim:NIM",
    "nvidia": "nim:NVIDIA",
    "pinecone": "pinecone:PINECONE",
    "secondpass": "secondpass:SECONDPASS",
    "siliconflow": "siliconflow:SILICONFLOW",
    "tei": "tei:TEI",
    "together": "together:TOGETHER",
    "vllm": "vllm:VLLM",
    "vllm-score": "vllm:VLLM_SCORE",
    "voyage": "voyage:VOYAGE",
    "zeroentropy": "zeroentropy:ZEROENTROPY",
}
"""Name to the file in this package and what is in it."""


def names() -> tuple[str, ...]:
    """Every provider's name, sorted."""
    return tuple(_PROVIDERS)


def is_hosted(name: str) -> bool:
    """Whether a model's name is `provider:...` for a provider that there is."""
    provider, colon, _ = name.partition(":")
    return bool(colon) and provider in _PROVIDERS


def provider_named(name: str) -> Provider:
    """The provider of that name. Raises `UnknownModel`."""
    if name not in _PROVIDERS:
        raise UnknownModel(f"There is no hosted provider {name!r}: choose one of {', '.join(names())}.")
    module, _, attribute = _PROVIDERS[name].partition(":")
    found: Provider = getattr(import_module(f"secondpass.hosted.{module}"), attribute)
    return found


def open_scorer(name: str, **options: Any) -> HostedScorer:
    """The scorer that `name` stands for: `provider:model`, `provider:url` or `provider:url/model`.

    For `tei:` the whole URL is the server's; for the others its path is the model's name (a server below a path is
    given as `base_url=`). `options` are those of `HostedScorer`. Raises `UnknownModel` for a name without a provider
    or model, `Unauthorized` where a key is missing, `InputError` for a URL that is none, and `MissingExtra`.
    """
    provider = provider_named(name.partition(":")[0])
    model, base_url = _parts(provider, name.partition(":")[2])
    if base_url is not None and options.get("base_url") is not None:
        raise InputError(f"{name!r} has a URL, and so has base_url={options['base_url']!r}: give one of them.")
    if base_url is not None:
        options["base_url"] = base_url
    from secondpass.hosted.scorer import HostedScorer

    return HostedScorer(provider, model, **options)


def _parts(provider: Provider, rest: str) -> tuple[str, str | None]:
    """The model and the base URL in what stands behind the provider's colon."""
    if not rest.startswith(("http://", "https://")):
        return rest, None
    if not provider.url_has_model:
        return "", rest
    url = urlsplit(rest)
    if url.query or url.fragment:
        return "", rest  # the client refuses it, with a reason
    return url.path.strip("/"), f"{url.scheme}://{url.netloc}"
