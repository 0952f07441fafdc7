"""Who may ask: named keys, kept as hashes, and how much each may ask a minute.

Knows headers and a clock; no requests. No key is ever part of a message.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from secondpass.errors import InputError, Overloaded, Unauthorized
from secondpass.server.settings import PREFIX, Settings

VARIABLE = f"{PREFIX}KEYS"
HEADERS = ("authorization", "api-key", "x-api-key", "ocp-apim-subscription-key")
"""Where clients put their key: the first with `Bearer` or bare, names in lower case."""

_SCHEME = re.compile(r"(?:bearer|token|basic)\s+", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{64}")
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Key:
    """A key by its `name` and the SHA-256 of it, in hexadecimal; what it may ask a minute, None for any amount."""

    name: str
    sha256: str
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class Allowance:
    """So much a minute, saved up for a minute at most. What is spent may exceed it once, and is waited for then."""

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._rate = per_minute / _MINUTE
        self._most = float(per_minute)
        self._left = self._most
        self._now = now
        self._at = now()

    def wait(self) -> float:
        """Seconds until something may be spent; 0 for now."""
        now = self._now()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        return 0.0 if self._left >= 1 else (1 - self._left) / self._rate

    def spend(self, amount: int) -> None:
        """Take it away."""
        self._left -= amount


class Keys:
    """The keys of a server; none of them means that everyone may ask. Safe from any thread."""

    def __init__(self, keys: Sequence[Key] = (), now: Callable[[], float] = time.monotonic) -> None:
        self._keys = tuple(keys)
        self._lock = Lock()
        self._requests = {k.name: Allowance(k.requests_per_minute, now) for k in keys if k.requests_per_minute}
        self._tokens = {k.name: Allowance(k.tokens_per_minute, now) for k in keys if k.tokens_per_minute}

    @property
    def asked_for(self) -> bool:
        """Whether a key is needed."""
        return bool(self._keys)

    def named(self, headers: Mapping[str, str]) -> Key | None:
        """Whose key is in the headers; None where none is needed. Raises `Unauthorized`."""
        if not self._keys:
            return None
        given = [headers[name] for name in HEADERS if headers.get(name)]
        digests = [_digest(_bare(one)) for one in given]
        found: Key | None = None
        for key in self._keys:  # all of them, so that the time does not tell which
            for digest in digests:
                if hmac.compare_digest(key.sha256, digest):
                    found = key
        if found is None:
            told = "is not accepted" if given else "is missing"
            raise Unauthorized(f"The key {told}: send one of this server's as 'Authorization: Bearer KEY'.")
        return found

    def admit(self, key: Key | None) -> None:
        """Count a request. Raises `Overloaded` with the seconds to wait where the key has asked enough."""
        if key is None:
            return
        with self._lock:
            for allowances, what in ((self._requests, "requests"), (self._tokens, "tokens")):
                wait = allowances[key.name].wait() if key.name in allowances else 0.0
                if wait:
                    raise Overloaded(f"The key {key.name!r} has used up its {what} for now.", retry_after=wait)
            if key.name in self._requests:
                self._requests[key.name].spend(1)

    def spend(self, key: Key | None, tokens: int) -> None:
        """Count the tokens of an answer."""
        if key is not None and key.name in self._tokens:
            with self._lock:
                self._tokens[key.name].spend(tokens)


def keys_of(settings: Settings, environment: Mapping[str, str]) -> Keys:
    """The keys of the settings' file and of `SECONDPASS_KEYS`.

    Raises `InputError` where they cannot be read, and where a server that others can reach has none.

    The variable is `name:key` with spaces between; a key without a name is called by its number.
    """
    found = list(_of_file(Path(settings.keys_file)) if settings.keys_file else ())
    for number, text in enumerate(environment.get(VARIABLE, "").split(), 1):
        name, colon, key = text.partition(":")
        found.append(Key(name if colon else f"key-{number}", _digest(key if colon else text)))
    names = [key.name for key in found]
    if len(set(names)) < len(names):
        raise InputError(f"Two keys have one name: {', '.join(sorted(names))}. Name each its own.")
    if not found and not settings.is_local and not settings.no_keys:
        raise InputError(
            f"host={settings.host!r} lets other machines ask, and there are no keys. Give --keys-file or {VARIABLE}, "
            "or say --no-keys."
        )
    return Keys(found)


def _of_file(path: Path) -> list[Key]:
    """Keys of a TOML file: a table each, with `sha256` of the key or the `key` itself, and limits."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InputError(f'{path} is no TOML: write a table a key, as in [name] and sha256 = "...".') from error
    return [_key(path, name, table) for name, table in tables.items()]


def _key(path: Path, name: str, table: object) -> Key:
    given = table if isinstance(table, dict) else {}
    plain, digest = given.get("key"), given.get("sha256")
    if isinstance(plain, str) and plain:
        digest = _digest(plain)
    if not isinstance(digest, str) or not _HASH.fullmatch(digest):
        raise InputError(f"{path}: [{name}] has no sha256 of a key, 64 hexadecimal digits, nor a key.")
    limits = {limit: given.get(limit) for limit in ("requests_per_minute", "tokens_per_minute")}
    for limit, value in limits.items():
        if value is not None and (not isinstance(value, int) or value < 1):
            raise InputError(f"{path}: [{name}] {limit}={value!r}: give a whole number of 1 or more.")
    return Key(name, digest, **limits)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _bare(header: str) -> str:
    return _SCHEME.sub("", header.strip(), count=1)
