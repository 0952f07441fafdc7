"""An API key: found in the environment, sent in one header, and in nothing that a person or a log may read."""

from __future__ import annotations

from collections.abc import Mapping

from secondpass.errors import Unauthorized
from secondpass.hosted.provider import Provider

_HIDDEN = "[key]"


class Key:
    """A secret and where it came from. Neither its repr nor its str has the secret."""

    __slots__ = ("_secret", "source")

    def __init__(self, secret: str, source: str) -> None:
        secret = secret.strip()
        # Anything else would be refused by the HTTP client, in a message that quotes the header.
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise Unauthorized(
                f"The key in {source} is empty, or has spaces or characters that no key has. Set it anew."
            )
        self._secret = secret
        self.source = source

    def header(self, prefix: str) -> str:
        """The value of the header that carries the key."""
        return prefix + self._secret

    def hidden_in(self, text: str) -> str:
        """`text` with `[key]` where the key was."""
        return text.replace(self._secret, _HIDDEN)

    def __repr__(self) -> str:
        return f"Key({self.source})"

    def __reduce__(self) -> str:
        raise TypeError("A key is not pickled: read it from the environment where it is needed.")


def find_key(provider: Provider, given: str | None, environ: Mapping[str, str]) -> Key | None:
    """The key that was given, else the first of the provider's variables that is set; None where none is needed.

    Raises `Unauthorized`, naming the variables, where one is needed and there is none.
    """
    if given is not None:
        return Key(given, "api_key=")
    for variable in provider.key_variables:
        if environ.get(variable, "").strip():
            return Key(environ[variable], variable)
    if not provider.needs_key:
        return None
    wanted = " or ".join(provider.key_variables)
    raise Unauthorized(f"{provider.title} needs a key, and there is none: set {wanted} in the environment.")
