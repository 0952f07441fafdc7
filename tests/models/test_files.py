from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from secondpass.backends.choose import Format
from secondpass.errors import InputError, ModelLoadError, UnknownModel
from secondpass.models.files import digest, is_local, pull, resolve, takes_scales_per_batch
from secondpass.models.variants import MARKER
from tests.local_hub import COMMIT, DYNAMIC, HUB_ID, Hub, run, serving

OLDER = "fedcba9876543210fedcba9876543210fedcba98"
INDEX = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-2.safetensors"}}
READABLE: tuple[tuple[Format, ...], ...] = (("onnx", "safetensors"), ("onnx",), ("safetensors",))


def fill(folder: Path, *files: str, content: bytes = b"{}") -> Path:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "model", "config.json", "tokenizer.json", "onnx/model.onnx")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A hub cache with two commits of one model; `main` is the newer, `v1` a tag of the older."""
    repository = tmp_path / "hub" / "models--someone--reranker"
    for commit in (COMMIT, OLDER):
        fill(repository / "snapshots" / commit, "config.json", "tokenizer.json")
        fill(repository / "snapshots" / commit, "onnx/model.onnx", content=commit.encode())
    fill(repository / "refs", "main", content=COMMIT.encode())
    fill(repository / "refs", "v1", content=OLDER.encode())
    return tmp_path / "hub"


@pytest.mark.parametrize(
    "name", ["./model", "../model", "/models/m", "~/model", ".", "C:\\models", "D:/models", Path("m")]
)
def test_paths_are_told_from_hub_ids_by_how_they_start(name: str | Path) -> None:
    assert is_local(name)


@pytest.mark.parametrize("name", ["owner/name", "embedded", "c/name"])
def test_anything_else_is_a_hub_id(name: str) -> None:
    assert not is_local(name)


def test_a_folder_is_read_where_it_lies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = resolve(str(folder))
    assert found.graph == folder / "onnx" / "model.onnx"
    assert (found.precision, found.commit) == ("fp32", None)
    monkeypatch.chdir(folder.parent)
    assert resolve("./model").graph.samefile(found.graph)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    assert resolve("~/model").graph.samefile(found.graph)


def test_a_missing_folder_is_unknown_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match=r"no folder .*nowhere"):
        resolve(tmp_path / "nowhere")


def test_a_file_is_answered_with_the_folder_that_is_meant(folder: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"is a file\. Name the folder"):
        resolve(folder / "onnx" / "model.onnx")


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    fill(tmp_path, "config.json", "README.md")
    with pytest.raises(ModelLoadError, match=f"{tmp_path.name} has no weights.*README.md, config.json"):
        resolve(tmp_path)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"has no weights.*only nothing"):
        resolve(tmp_path)


def test_weights_that_cannot_be_read_are_answered_with_the_export(tmp_path: Path) -> None:
    fill(tmp_path, "config.json", "tokenizer.json", "model.safetensors")
    with pytest.raises(ModelLoadError, match=r"no onnx/\*.onnx, only model.safetensors.*optimum-cli export onnx"):
        resolve(tmp_path)


def test_weights_that_torch_reads_are_answered_with_its_extra(tmp_path: Path) -> None:
    fill(tmp_path, "config.json", "tokenizer.json", "model.safetensors")
    with pytest.raises(ModelLoadError, match=r"pip install 'secondpass\[torch\]'.*optimum-cli export onnx"):
        resolve(tmp_path)


def test_pickled_weights_are_not_answered_with_torch(tmp_path: Path) -> None:
    fill(tmp_path, "config.json", "tokenizer.json", "pytorch_model.bin")
    for readable in READABLE:
        with pytest.raises(ModelLoadError) as raised:
            resolve(tmp_path, readable=readable)
        assert "pytorch_model.bin" in str(raised.value)
        assert "secondpass[torch]" not in str(raised.value)


def test_an_onnx_file_goes_before_the_weights_where_both_can_be_read(folder: Path) -> None:
    fill(folder, "model.safetensors")
    both, first, second = (resolve(folder, readable=readable).graph.name for readable in READABLE)
    assert (both, first, second) == ("model.onnx", "model.onnx", "model.safetensors")


def test_a_model_with_an_onnx_file_alone_is_not_read_by_torch(folder: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"no model\.safetensors.*onnx/model\.onnx.*backend='auto'"):
        resolve(folder, readable=("safetensors",))


def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    fill(tmp_path, "config.json", "tokenizer.json", "model-1.safetensors")
    fill(tmp_path, "model.safetensors.index.json", content=json.dumps(INDEX).encode())
    with pytest.raises(ModelLoadError, match=r"lacks model-2\.safetensors"):
        resolve(tmp_path, readable=("safetensors",))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"weight_map": 3}'])
def test_an_index_that_names_no_shards_is_refused(tmp_path: Path, content: bytes) -> None:
    fill(tmp_path, "config.json", "tokenizer.json")
    fill(tmp_path, "model.safetensors.index.json", content=content)
    with pytest.raises(ModelLoadError, match=r"index\.json is no index"):
        resolve(tmp_path, readable=("safetensors",))


def test_a_digest_follows_the_content_of_every_shard(tmp_path: Path) -> None:
    fill(tmp_path, "model-1.safetensors", "model-2.safetensors")
    fill(tmp_path, "model.safetensors.index.json", content=json.dumps(INDEX).encode())
    before = digest(tmp_path / "model.safetensors.index.json")
    fill(tmp_path, "model-2.safetensors", content=b"[]")  # as long as before
    assert digest(tmp_path / "model.safetensors.index.json") != before


def test_a_folder_without_its_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelLoadError, match=r"has no tokenizer\.json"):
        resolve(folder)


def test_what_is_refused_is_refused_before_a_graph_is_looked_for(tmp_path: Path) -> None:
    fill(tmp_path, "config.json")

    def refuse(folder: Path, _files: Sequence[str], _adapter: Path | None) -> tuple[Format, ...]:
        raise ModelLoadError(f"{folder} will not do")

    with pytest.raises(ModelLoadError, match="will not do"):
        resolve(tmp_path, accept=refuse)


def test_who_looks_at_the_files_says_which_weights_may_be_chosen(folder: Path) -> None:
    fill(folder, "model.safetensors")
    seen: list[Sequence[str]] = []

    def only_torch(_folder: Path, files: Sequence[str], adapter: Path | None) -> tuple[Format, ...]:
        seen.append(files)
        assert adapter is None
        return ("safetensors",)

    assert resolve(folder, accept=only_torch, readable=("onnx", "safetensors")).graph.name == "model.safetensors"
    assert "onnx/model.onnx" in seen[0]


def adapter(folder: Path, base: object) -> Path:
    fill(folder, "adapter_model.safetensors")
    return fill(folder, "adapter_config.json", content=json.dumps({"base_model_name_or_path": base}).encode())


def test_an_adapter_comes_with_its_base_model(folder: Path, tmp_path: Path) -> None:
    fill(folder, "model.safetensors")
    small = adapter(tmp_path / "adapter", str(folder))
    told: list[Path | None] = []

    def accept(_folder: Path, _files: Sequence[str], found: Path | None) -> tuple[Format, ...]:
        told.append(found)
        return ("safetensors",)

    found = resolve(small, accept=accept, readable=("onnx", "safetensors"))
    assert told == [small]
    assert (found.folder, found.adapter) == (folder, small)
    assert found.graph == folder / "model.safetensors"  # its ONNX file could not be merged into
    assert found.tokenizer == folder / "tokenizer.json"
    assert str(small) in found.reason
    fill(small, "tokenizer.json")
    assert found.tokenizer == small / "tokenizer.json"


def test_an_adapter_on_the_hub_has_its_base_there_too(cache: Path, tmp_path: Path) -> None:
    snapshot = cache / "models--someone--reranker" / "snapshots" / OLDER
    fill(snapshot, "model.safetensors")
    config = {"base_model_name_or_path": HUB_ID, "revision": "v1"}
    repository = cache / "models--someone--adapter"
    small = fill(repository / "snapshots" / COMMIT, "adapter_model.safetensors")
    fill(small, "adapter_config.json", content=json.dumps(config).encode())
    fill(repository, "refs/main", content=COMMIT.encode())
    found = resolve("someone/adapter", cache_dir=cache, readable=("safetensors",))
    assert (found.name, found.commit, found.adapter_commit) == ("someone/adapter", OLDER, COMMIT)
    assert found.version == f"{OLDER}:model.safetensors+{COMMIT}"


def test_an_adapter_that_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    small = adapter(tmp_path / "adapter", str(folder))
    with pytest.raises(ModelLoadError, match=r"LoRA adapter.*secondpass\[torch\]"):
        resolve(small)
    fill(small, "adapter_config.json")
    with pytest.raises(ModelLoadError, match="names no base model"):
        resolve(small, readable=("safetensors",))
    (small / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelLoadError, match=r"has no adapter_model\.safetensors"):
        resolve(small, readable=("safetensors",))


def test_a_version_follows_the_adapter_and_the_modules_behind_the_transformer(folder: Path, tmp_path: Path) -> None:
    fill(folder, "model.safetensors")
    small = adapter(tmp_path / "adapter", str(folder))
    versions = []
    for change in (folder / "1_Dense", small, small):
        found = resolve(small, readable=("safetensors",)).version
        assert found == resolve(small, readable=("safetensors",)).version
        versions.append(found)
        name = "model.safetensors" if change.name == "1_Dense" else "adapter_model.safetensors"
        fill(change, name, content=str(len(versions)).encode())
    assert len(set(versions)) == 3


@pytest.mark.parametrize("name", ["reranker", "a/b/c", "owner/na me", "owner/", "/".join(["x" * 60] * 2), "a--b/c", ""])
def test_a_name_of_no_known_form_is_answered_with_the_forms(name: str) -> None:
    with pytest.raises(UnknownModel, match=r"built in are 'embedded' and 'bm25'.*owner/name"):
        resolve(name)


@pytest.mark.parametrize("name", ["embedded", "embedded@1", "bm25"])
def test_a_built_in_model_has_no_files_to_fetch(name: str) -> None:
    with pytest.raises(ModelLoadError, match=f"{name} is built in"):
        pull(name)


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(UnknownModel, match="Did you mean 'BAAI/bge-reranker-v2-m3'"):
        resolve("bge-reranker-v2-m3")


def test_a_folder_written_like_a_hub_id_is_pointed_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(folder.parent.parent)
    name = f"{folder.parent.name}/model"
    with pytest.raises(UnknownModel, match=f"write ./{name}"):
        resolve(name, cache_dir=tmp_path / "hub")


def test_a_hub_id_is_read_from_the_cache(cache: Path) -> None:
    found = resolve(HUB_ID, cache_dir=cache)
    assert found.graph.read_text() == COMMIT
    assert found.commit == COMMIT
    assert found.version == f"{COMMIT}:model.onnx"


@pytest.mark.parametrize("revision", ["v1", OLDER])
def test_a_revision_pins_the_commit(cache: Path, revision: str) -> None:
    assert resolve(HUB_ID, revision=revision, cache_dir=cache).commit == OLDER


def test_the_cache_is_read_without_asking_the_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert resolve(HUB_ID, cache_dir=cache).commit == COMMIT


@pytest.mark.parametrize("revision", [None, "v9"])
def test_what_is_not_in_the_cache_is_answered_with_pull_when_offline(cache: Path, revision: str | None) -> None:
    name = HUB_ID if revision else "someone/else"
    with pytest.raises(UnknownModel, match=f"{name}.*not in the hub's cache.*secondpass pull {name}"):
        resolve(name, revision=revision, cache_dir=cache)


def test_a_snapshot_that_lacks_the_graph_says_so_when_offline(cache: Path) -> None:
    (cache / "models--someone--reranker" / "snapshots" / COMMIT / "onnx" / "model.onnx").unlink()
    with pytest.raises(ModelLoadError, match="someone/reranker has no weights"):
        resolve(HUB_ID, cache_dir=cache)


def test_pull_asks_the_network_or_says_why_not(cache: Path) -> None:
    with pytest.raises(ModelLoadError, match="HF_HUB_OFFLINE"):
        pull(HUB_ID, cache_dir=cache)


def test_pulling_a_folder_measures_it(folder: Path) -> None:
    fill(folder, "onnx/model.onnx", content=b"x" * 1_500_000)
    fill(folder, "onnx/model.onnx_data", content=b"x" * 1_000_000)
    found = pull(folder)
    assert found.size == 2_500_004
    assert str(found) == f"{folder} (2.5 MB)"


def test_a_static_int8_file_is_taken_and_one_with_scales_per_batch_is_not(folder: Path) -> None:
    fill(folder, "onnx/model_int8.onnx", content=b"QuantizeLinear")
    assert resolve(folder).graph.name == "model_int8.onnx"
    fill(folder, "onnx/model_int8.onnx", content=DYNAMIC)
    assert resolve(folder).graph.name == "model.onnx"


def test_int8_with_scales_per_batch_is_read_when_asked_for_and_says_what_it_costs(folder: Path) -> None:
    fill(folder, "onnx/model_quantized.onnx", content=DYNAMIC)
    found = resolve(folder, precision="int8")
    assert (found.graph.name, found.precision) == ("model_quantized.onnx", "int8")
    assert "a score may depend on its neighbours" in found.reason


def test_on_the_hub_only_a_marked_int8_file_is_taken_for_ours(cache: Path) -> None:
    snapshot = cache / "models--someone--reranker" / "snapshots" / COMMIT
    fill(snapshot, "onnx/model_int8.onnx", content=b"QuantizeLinear")
    assert resolve(HUB_ID, cache_dir=cache).precision == "fp32"
    fill(snapshot, MARKER)
    assert resolve(HUB_ID, cache_dir=cache).precision == "int8"
    fill(snapshot, "onnx/model_int8.onnx", content=DYNAMIC)
    with pytest.raises(ModelLoadError, match="DynamicQuantizeLinear"):
        resolve(HUB_ID, cache_dir=cache)


def test_an_unknown_precision_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="precision='int3'"):
        resolve(folder, precision="int3")


def test_a_graph_is_searched_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    for content, found in ((b"", False), (b"x" * 3_000_000, False), (b"x" * 3_000_000 + DYNAMIC, True)):
        path.write_bytes(content)
        assert takes_scales_per_batch(path) is found


def test_a_digest_follows_the_content_at_both_ends_and_the_weights_beside(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    found = set()
    for content in (b"a" * 3_000_000, b"b" + b"a" * 2_999_999, b"a" * 2_999_999 + b"b", b"a" * 2_000_000, b""):
        path.write_bytes(content)
        found.add(digest(path))
        assert digest(path) == digest(path)
    fill(tmp_path, "model.onnx_data")
    found.add(digest(path))
    assert len(found) == 6


class ShardedHub(Hub):
    """The same for a model whose weights were never exported."""

    files: ClassVar[dict[str, bytes]] = {
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        "modeling.py": b"raise SystemExit",
        "pytorch_model.bin": b"pickled",
        "model.safetensors.index.json": json.dumps(INDEX).encode(),
        "model-1.safetensors": b"first",
        "model-2.safetensors": b"second",
        "unread.safetensors": b"another",
    }


@pytest.fixture
def hub(request: pytest.FixtureRequest) -> Iterator[str]:
    with serving(getattr(request, "param", Hub)) as address:
        yield address


def test_pull_fetches_one_graph_and_the_json_files_and_nothing_else(hub: str, tmp_path: Path) -> None:
    done = run(f"print(pull({HUB_ID!r}).size); print(resolve({HUB_ID!r}).commit)", hub, tmp_path)
    assert done.stdout.split() == ["16", COMMIT], done.stderr
    assert set(Hub.asked) == {"config.json", "tokenizer.json", "onnx/model.onnx", "onnx/model.onnx_data"}


def test_a_variant_that_the_cache_lacks_is_fetched(hub: str, tmp_path: Path) -> None:
    code = f"pull({HUB_ID!r}); print(resolve({HUB_ID!r}, precision='int8').graph.name)"
    done = run(code, hub, tmp_path)
    assert done.stdout.split() == ["model_quantized.onnx"], done.stderr


@pytest.mark.parametrize("hub", [ShardedHub], indirect=True)
def test_without_an_onnx_file_the_safetensors_are_fetched_and_nothing_pickled(hub: str, tmp_path: Path) -> None:
    code = f"""
found = resolve({HUB_ID!r}, readable=("onnx", "safetensors"))
again = resolve({HUB_ID!r}, readable=("safetensors",))
print(found.graph.name, found.commit, again == found)"""
    done = run(code, hub, tmp_path)
    assert done.stdout.split() == ["model.safetensors.index.json", COMMIT, "True"], done.stderr
    assert set(Hub.asked) == {
        "config.json",
        "tokenizer.json",
        "model.safetensors.index.json",
        "model-1.safetensors",
        "model-2.safetensors",
    }


class ChainHub(Hub):
    """A model whose head lies in modules behind its transformer."""

    files: ClassVar[dict[str, bytes]] = {
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        "chat_template.jinja": b"",
        "modules.json": b"[]",
        "model.safetensors": b"weights",
        "1_Pooling/config.json": b"{}",
        "2_Dense/config.json": b"{}",
        "2_Dense/model.safetensors": b"weights",
        "2_Dense/pytorch_model.bin": b"pickled",
    }


@pytest.mark.parametrize("hub", [ChainHub], indirect=True)
def test_the_modules_behind_the_transformer_are_fetched_with_it(hub: str, tmp_path: Path) -> None:
    done = run(f"print(resolve({HUB_ID!r}, readable=('safetensors',)).graph.name)", hub, tmp_path)
    assert done.stdout.split() == ["model.safetensors"], done.stderr
    assert set(Hub.asked) == set(ChainHub.files) - {"2_Dense/pytorch_model.bin"}


def test_a_model_that_the_hub_does_not_have_is_unknown(hub: str, tmp_path: Path) -> None:
    code = "try: resolve('someone/nothing')\nexcept UnknownModel as error: print(error)"
    done = run(code, hub, tmp_path)
    assert "The hub has no model 'someone/nothing'" in done.stdout, done.stderr


def test_a_hub_that_cannot_be_reached_is_answered_with_pull(tmp_path: Path) -> None:
    code = f"try: resolve({HUB_ID!r})\nexcept UnknownModel as error: print(error)"
    done = run(code, "http://127.0.0.1:9", tmp_path)
    assert "cannot be reached" in done.stdout, done.stderr
    assert f"secondpass pull {HUB_ID}" in done.stdout
