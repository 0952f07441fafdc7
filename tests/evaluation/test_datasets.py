"""Opening by path and by name: local data first, and word of how the rest is fetched."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.benchmarks import find
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.datasets import DATA, data_home, how_to_get, local_path, open_collection

DEV = {
    "afriqa": (6151, 6951), "apibench": (1707, 1571), "cacm": (3204, 52), "covidqa_long": (98, 1363),
    "covidqa_passages": (1972, 1226), "cranfield": (1398, 225), "csfcube": (4173, 50), "drcd_test": (1000, 3492),
    "jaquad_dev": (1431, 3935), "liveqa_med": (1929, 96), "med": (1033, 30), "norquad_valtest": (481, 944),
    "persianqa_test": (93, 651), "product_match_abt_buy": (1035, 1016), "sealtools_out": (4076, 654),
    "spider_dev": (81, 1034), "time": (423, 83), "trecqa": (7053, 250),
}  # fmt: skip


@pytest.mark.parametrize("name", DEV)
def test_every_development_collection_loads(shared: Path, name: str) -> None:
    found = open_collection(name, data_dir=shared / "data" / "dev")
    judged = sum(map(len, found.qrels.values()))
    print(f"{found.name}: {len(found.documents)} documents, {len(found.queries)} queries, {judged} judgements")  # noqa: T201
    assert (len(found.documents), len(found.queries)) == DEV[name]
    assert judged >= len(found.queries)


def test_the_development_collections_are_those_that_are_tested(shared: Path) -> None:
    assert {path.name for path in (shared / "data" / "dev").iterdir()} == set(DEV)


def test_a_name_is_looked_for_under_the_data_folder_first(
    folder: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_collection("kettle", data_dir=folder.parent) == collection
    monkeypatch.setenv(DATA, str(folder.parent))
    assert open_collection("kettle") == collection


def test_a_path_is_opened_whatever_the_data_folder_has(folder: Path, collection: Collection, tmp_path: Path) -> None:
    assert open_collection(folder, data_dir=tmp_path / "none") == collection
    assert open_collection(str(folder)) == collection


@pytest.mark.parametrize("place", ["beir/fiqa", "fiqa"])
def test_a_benchmark_is_opened_from_a_folder_of_its_name(folder: Path, tmp_path: Path, place: str) -> None:
    shutil.copytree(folder, tmp_path / "data" / place)
    found = open_collection("beir/fiqa", data_dir=tmp_path / "data")
    assert (found.name, found.identical_ids, len(found.documents)) == ("beir/fiqa", True, 5)


def test_a_benchmark_is_opened_from_a_zip_as_it_was_fetched(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with zipfile.ZipFile(tmp_path / "data" / "scifact.zip", "w") as made:
        for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
            made.write(folder / name, f"scifact/{name}")
    assert len(open_collection("beir/scifact", data_dir=tmp_path / "data").documents) == 5


def test_the_split_of_a_benchmark_is_its_own(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "msmarco")
    (tmp_path / "msmarco" / "qrels" / "dev.tsv").write_text("c\t5\t1\n")
    assert open_collection("beir/msmarco", data_dir=tmp_path).qrels == {"c": {"5": 1}}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("beir/fiqa", r"beir/fiqa is not in .*`secondpass datasets beir/fiqa --fetch` gets it from mteb/fiqa"),
        ("beir/scifact", r"https://.*/scifact\.zip unpacks"),
        ("msmarco-passage", r"ir_datasets' msmarco-passage/dev/small with the library ir_datasets"),
        ("beir", "it is a suite: open its members, beir/trec-covid"),
        ("lotte", "it has subsets: open one of them, such as lotte/writing_search"),
        ("airbench", r"it cannot be fetched \(partly hidden\): pip install air-benchmark"),
        ("nfcorpsu", "Did you mean 'beir/nfcorpus'"),
        ("./nothing", "nothing is not there"),
    ],
)
def test_data_that_is_not_here_says_how_to_get_it(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_collection(name, data_dir=tmp_path)


def test_every_row_says_how_to_get_it(tmp_path: Path) -> None:
    from secondpass.evaluation.benchmarks import Named, rows

    assert all(len(how_to_get(Named(row), tmp_path)) > 20 for row in rows())


def test_a_folder_with_trecs_files_is_a_collection(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "trec"
    root.mkdir()
    (root / "collection.tsv").write_text("d1\tgreen tea\nd2\tblack tea\n")
    (root / "topics.txt").write_text("<top>\n<num> 1\n<title> tea\n</top>\n")
    (root / "qrels.txt").write_text("1 0 d1 1\n")
    found = open_collection(root)
    assert (found.name, list(found.documents), found.queries["1"].text, found.qrels) == (
        "trec",
        ["d1", "d2"],
        "tea",
        {"1": {"d1": 1}},
    )
    (root / "collection.tsv").unlink()
    shutil.copy(folder / "corpus.jsonl", root)
    assert len(open_collection(root).documents) == 5


def test_a_table_of_pairs_is_a_collection(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("frage,text\nwer?,ich\n")
    assert open_collection(tmp_path / "pairs.csv", columns={"query": "frage"}).qrels == {"q1": {"d1": 1}}


@pytest.mark.parametrize("name", ["empty", "a.txt"])
def test_what_is_no_collection_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match=r"no collection"):
        open_collection(tmp_path / name)


def test_data_is_kept_under_the_home_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA, raising=False)
    assert data_home() == Path.home() / ".cache" / "secondpass" / "data"
    assert local_path(find("lotte/writing_search"), "nowhere") is None
