"""What a server is told: one table of settings, read from flags, the environment and secondpass.toml, in this order.

Knows names, types and defaults; not what they do. The command's help and the page in the docs are made from the table.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from secondpass.errors import InputError

FILE = "secondpass.toml"
PREFIX = "SECONDPASS_"


@dataclass(frozen=True, slots=True)
class ModelSetting:
    """A model to serve: what `secondpass.load` takes, and the alias that clients ask for it by."""

    alias: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> ModelSetting:
        """`name`, or `alias=name`; the sign in `cascade(bm25=100, embedded)` is not one of these."""
        alias, sign, name = text.partition("=")
        if not sign or "(" in alias:
            return cls(text, text)
        if not alias.strip() or not name.strip():
            raise InputError(f"{text!r}: write a model as its name, or as alias=name.")
        return cls(alias.strip(), name.strip())


def _told(default: Any, told: str, shown: str | None = None) -> Any:
    """A setting's default and its line of help; `shown` where the default does not speak for itself."""
    return field(default=default, metadata={"help": told, "shown": shown})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting; the fields' own lines say what each is."""

    models: tuple[ModelSetting, ...] = (ModelSetting("embedded", "embedded"),)
    host: str = _told("127.0.0.1", "Address to listen on.")
    port: int = _told(8080, "Port to listen on; 0 for any that is free.")
    default_model: str | None = _told(
        None, "Alias that answers where a request names no model, or an unknown one.", "the first"
    )
    strict_models: bool = _told(False, "Refuse unknown model names with 404.")
    backend: str = _told("auto", "Backend of all models: auto, onnxruntime, openvino or torch.")
    precision: str = _told("auto", "Precision of all models: auto, fp32, bf16, fp16, int8 or int4.")
    device: str = _told("auto", "Device of all models: auto, cpu, cuda, cuda:N or mps.")
    policy: str = _told("truncate", "What to do with a long document: truncate, chunk or error.")
    max_tokens: int | None = _told(None, "The longest input to read.", "the model's own limit")
    threads: int = _told(32, "Requests that are tokenised and ranked at a time; more wait.")
    cache_mb: int = _told(64, "Memory for scores of earlier requests; 0 for none.")
    max_body_mb: float = _told(32.0, "The largest body of a request; larger ones get 413.")
    max_documents: int = _told(10_000, "The most documents of a request; more get 422.")
    max_request_tokens: int = _told(4_000_000, "The most tokens of a request, by 4 bytes a token; more get 413.")
    max_queued_tokens: int = _told(8_000_000, "The most tokens of all requests under way; more get 429 at once.")
    deadline_ms: float | None = _told(None, "Deadline of requests that name none.", "none")
    keys_file: str | None = _told(None, "File of the keys that clients need.", "none")
    no_keys: bool = _told(False, "Listen beyond this machine without keys.")
    cors: str | None = _told(None, "Origins that browsers may ask from, with commas between, or *.", "none")
    root_path: str = _told("", "Path that a proxy in front takes away.", "none")
    tls_cert: str | None = _told(None, "File of the TLS certificate.", "none")
    tls_key: str | None = _told(None, "File of the TLS key.", "none")
    drain_delay_ms: float = _told(500.0, "How long new requests are still taken after SIGTERM, while /ready says no.")
    drain_seconds: int = _told(60, "How long requests under way may take after that.")
    log_level: str = _told("info", "What is logged: debug, info, warning or error.")
    tracing: bool = _told(False, "Make OpenTelemetry spans; the exporter is set up as OpenTelemetry documents it.")

    def __post_init__(self) -> None:
        if not self.models:
            raise InputError("models is empty: name at least one model to serve.")
        aliases = [model.alias for model in self.models]
        twice = sorted({alias for alias in aliases if aliases.count(alias) > 1})
        if twice:
            raise InputError(f"{twice[0]!r} is the alias of two models: write one as another-alias=name.")
        if self.default_model is not None and self.default_model not in aliases:
            raise InputError(f"default_model={self.default_model!r} is not served: choose one of {', '.join(aliases)}.")
        for name in ("threads", "max_documents", "max_request_tokens", "max_queued_tokens", "max_body_mb"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name}={getattr(self, name)}: give more than 0.")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InputError("tls_cert and tls_key go together: give both, or neither.")

    @property
    def default(self) -> str:
        """The alias that answers where no served model is named."""
        return self.default_model or self.models[0].alias

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Line:
    """One setting as it is documented: the flag, the variable, the kind, the default and what it is for."""

    name: str
    kind: type
    default: Any
    shown: str
    told: str

    @property
    def flag(self) -> str:
        """On the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """In the environment."""
        return f"{PREFIX}{self.name.upper()}"


_KINDS: Mapping[str, type] = {"str": str, "int": int, "float": float, "bool": bool}


def lines() -> tuple[Line, ...]:
    """Every setting but the models, in order."""
    found = []
    for one in fields(Settings):
        if one.name == "models":
            continue
        kind = _KINDS[str(one.type).removesuffix(" | None")]
        shown = one.metadata["shown"] or ("no" if one.default is False else str(one.default))
        found.append(Line(one.name, kind, one.default, shown, one.metadata["help"]))
    return tuple(found)


def table() -> str:
    """The settings as a table for the docs, in Markdown."""
    rows = [f"| `{one.flag}` | `{one.variable}` | {one.shown} | {one.told} |" for one in lines()]
    return "\n".join(["| flag | variable | default | |", "|---|---|---|---|", *rows])


def read(
    flags: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
    file: str | Path | None = None,
) -> Settings:
    """Settings from `flags` (None: not given), before the environment, before the file. Raises `InputError`.

    `file` is the TOML file; None takes `secondpass.toml` of the working folder where there is one. Its table `serve`
    has the settings, under the names in `Settings`; `models.ALIAS` a model's `name` and what else `load` takes.
    """
    table, models = _file(file)
    variables = {
        one.name: _value(one, environment[one.variable], one.variable)
        for one in lines()
        if environment.get(one.variable)
    }
    named = environment.get(f"{PREFIX}MODELS")
    if named:
        models = tuple(ModelSetting.parse(text) for text in named.split())
    given = {name: value for name, value in flags.items() if value is not None and name != "models"}
    if flags.get("models"):
        models = tuple(ModelSetting.parse(text) for text in flags["models"])
    together: dict[str, Any] = {**table, **variables, **given}
    return Settings(**{**together, **({"models": models} if models else {})})


def _file(file: str | Path | None) -> tuple[dict[str, Any], tuple[ModelSetting, ...]]:
    path = Path(FILE if file is None else file)
    if file is None and not path.is_file():
        return {}, ()
    import tomllib  # here, where it is needed: every command reads the table of settings for its help

    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as TOML: {error}.") from error
    known = {one.name: one for one in lines()}
    table = found.get("serve", {})
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise InputError(f"{path}: there is no setting {unknown[0]!r}; there are {', '.join(known)}.")
    settings = {name: _value(known[name], value, f"{path}: {name}") for name, value in table.items()}
    return settings, tuple(_model(path, alias, given) for alias, given in found.get("models", {}).items())


def _model(path: Path, alias: str, given: Any) -> ModelSetting:
    if isinstance(given, str):
        return ModelSetting(alias, given)
    if not isinstance(given, dict) or not isinstance(given.get("name"), str):
        raise InputError(f'{path}: models.{alias} has no name: write models.{alias}.name = "...".')
    return ModelSetting(alias, given["name"], {key: value for key, value in given.items() if key != "name"})


def _value(line: Line, value: Any, place: str) -> Any:
    if isinstance(value, line.kind) and not (line.kind is int and isinstance(value, bool)):
        return value
    if line.kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        if line.kind is bool:
            if value.lower() in ("1", "true", "yes", "on", "0", "false", "no", "off"):
                return value.lower() in ("1", "true", "yes", "on")
        else:
            try:
                return line.kind(value)
            except ValueError:
                pass
    wanted = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[line.kind]
    raise InputError(f"{place}={value!r}: give {wanted}.")
