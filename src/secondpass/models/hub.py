"""The hub: its cache, what it lists of a model, and fetching. Knows names and errors, nothing of what files mean."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from secondpass.errors import ModelLoadError, UnknownModel
from secondpass.models.catalog import suggestion

_TIMEOUT = 10.0  # seconds to wait for the hub's first answer


@dataclass(frozen=True, slots=True)
class Repository:
    """One model on the hub, at one `revision` (a branch, tag or commit; None for the newest), kept in `cache_dir`."""

    name: str
    revision: str | None = None
    cache_dir: Path | None = None

    def cached(self) -> Path | None:
        """The snapshot's folder in the hub's cache, if its configuration was ever fetched."""
        from huggingface_hub import try_to_load_from_cache

        for file in ("config.json", "adapter_config.json"):
            found = try_to_load_from_cache(self.name, file, cache_dir=self.cache_dir, revision=self.revision)
            if isinstance(found, str):
                return Path(found).parent
        return None

    def files(self) -> list[str]:
        """Every file that the hub lists. Raises `UnknownModel` or `ModelLoadError` where it does not answer."""
        from huggingface_hub import HfApi

        with self._asking():
            found = HfApi().model_info(self.name, revision=self.revision, timeout=_TIMEOUT)
        return [sibling.rfilename for sibling in found.siblings or []]

    def download(self, patterns: Sequence[str]) -> Path:
        """Fetch the files that match, and give the snapshot's folder. Raises as `files` does."""
        from huggingface_hub import snapshot_download

        with self._asking():
            return Path(
                snapshot_download(
                    self.name, revision=self.revision, cache_dir=self.cache_dir, allow_patterns=list(patterns)
                )
            )

    def absent(self) -> UnknownModel:
        """What to answer where the network may not be asked."""
        return UnknownModel(
            f"{self._at()} is not in the hub's cache, and HF_HUB_OFFLINE forbids to fetch it. Run "
            f"`secondpass pull {self.name}` where there is a network.{hint(self.name)}"
        )

    @contextmanager
    def _asking(self) -> Iterator[None]:
        from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of whichever HTTP library it uses

        try:
            yield
        except (OSError, HTTPError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> UnknownModel | ModelLoadError:
        """What a refusal of the hub, or of the network, means for the caller."""
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

        name = self.name
        if isinstance(error, GatedRepoError):
            return ModelLoadError(f"{name} is gated: accept its terms on the hub, run `hf auth login`, and try again.")
        if isinstance(error, RevisionNotFoundError):
            return UnknownModel(f"{name} has no revision {self.revision!r}; give one of its branches, tags or commits.")
        if isinstance(error, RepositoryNotFoundError):
            return UnknownModel(f"The hub has no model {name!r}, or it is private (`hf auth login`).{hint(name)}")
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        return UnknownModel(
            f"{self._at()} is not wholly in the hub's cache, and the hub cannot be reached ({reason}). Run "
            f"`secondpass pull {name}` where there is a network.{hint(name)}"
        )

    def _at(self) -> str:
        return self.name + (f" at revision {self.revision!r}" if self.revision else "")


def offline() -> bool:
    """Whether the environment forbids to ask the hub."""
    flags = (os.environ.get("HF_HUB_OFFLINE"), os.environ.get("TRANSFORMERS_OFFLINE"))
    return any(flag and flag.upper() in ("1", "ON", "YES", "TRUE") for flag in flags)


def hint(name: str) -> str:
    """A sentence with what was perhaps meant, or nothing."""
    if Path(name).is_dir():
        return f" There is a folder of that name here: write ./{name}."
    near = suggestion(name)
    return f" Did you mean {near!r}?" if near and near != name else ""
