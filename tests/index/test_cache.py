"""An index is taken from the cache only while all that it was made from is the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vbdata import plugins
from vbdata.core.types import Source
from vbdata.errors import BadSample
from vbdata.index import index as index_module
from vbdata.index.cache import IndexCache, Traced
from vbdata.index.index import Index, build_index
from vbdata.storage.folder import Folder

DATASETS = ("coco", "kitti", "hypersim", "refcoco", "triplets")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """An empty cache, and the sources whose readers had to run."""
    monkeypatch.setenv("VBDATA_CACHE", str(tmp_path / "cache"))
    ran: list[str] = []
    write = index_module._write

    def counted(source: Source, *rest: object) -> None:
        ran.append(source.name)
        write(source, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(index_module, "_write", counted)
    return ran


def indexed(root: Path, dataset: str, folder: Path, **options: object) -> Index:
    source = Source(name=dataset, dataset=dataset, roots=(str(root),), tasks={}, options=options)
    return build_index(source, folder)


def same(one: Index, two: Index) -> bool:
    everything = range(len(one))
    return (
        one.fingerprint == two.fingerprint
        and one.facts.equals(two.facts)
        and one.entries(everything) == two.entries(everything)
    )


@pytest.mark.parametrize("dataset", DATASETS)
def test_again_from_the_cache(
    demo_data: Path, tmp_path: Path, runs: list[str], dataset: str
) -> None:
    first = indexed(demo_data / dataset, dataset, tmp_path / "a")
    again = indexed(demo_data / dataset, dataset, tmp_path / "b")
    assert runs == [dataset]
    assert same(first, again)


@pytest.mark.parametrize("dataset", DATASETS)
def test_moved_data_is_the_same_data(
    demo_data: Path, tmp_path: Path, runs: list[str], dataset: str
) -> None:
    first = indexed(demo_data / dataset, dataset, tmp_path / "a")
    moved = Path(shutil.copytree(demo_data / dataset, tmp_path / "moved"))
    assert same(first, indexed(moved, dataset, tmp_path / "b"))
    assert runs == [dataset]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_change_that_the_index_can_see_is_seen(
    demo_data: Path, tmp_path: Path, runs: list[str], dataset: str
) -> None:
    data = Path(shutil.copytree(demo_data / dataset, tmp_path / "data"))
    first = indexed(data, dataset, tmp_path / "a")
    victim = data / first.entries([0])[0].files["image"].path
    content = victim.read_bytes()
    victim.write_bytes(content + b"\0")  # another size
    indexed(data, dataset, tmp_path / "b")
    victim.unlink()
    indexed(data, dataset, tmp_path / "c")
    victim.write_bytes(content)
    indexed(data, dataset, tmp_path / "d")  # as at first
    assert runs == [dataset] * 3


def test_an_annotation_of_the_same_size(demo_data: Path, tmp_path: Path, runs: list[str]) -> None:
    data = Path(shutil.copytree(demo_data / "coco", tmp_path / "data"))
    first = indexed(data, "coco", tmp_path / "a")
    file = data / "annotations" / "captions_train2017.json"
    text = file.read_text()
    changed = text.replace(" a ", " A ", 1)
    assert len(changed) == len(text)
    assert changed != text
    file.write_text(changed)
    assert not same(first, indexed(data, "coco", tmp_path / "b"))
    assert runs == ["coco", "coco"]


@pytest.mark.usefixtures("runs")
def test_what_could_not_be_read_is_part_of_the_trace(tmp_path: Path) -> None:
    """A reader may try a file, and do without it."""
    files = tmp_path / "x.parquet", tmp_path / "x.arrow"
    for file in files:
        file.write_bytes(b"an index")
    (tmp_path / "data").mkdir()
    root, traced = Folder(str(tmp_path / "data")), Traced(Folder(str(tmp_path / "data")))
    for read in (
        lambda: traced.read("a"),
        lambda: traced.read_range("b", 0, 4),
        lambda: traced.open("c"),
    ):
        with pytest.raises(BadSample, match="missing"):
            read()
    cache = IndexCache("coco", {})
    cache.store(traced, files)
    assert cache.fetch(root, files)
    for name in ("a", "b", "c"):
        (tmp_path / "data" / name).write_bytes(b"it is there")
        assert not cache.fetch(root, files), name
        (tmp_path / "data" / name).unlink()
    assert cache.fetch(root, files)


def test_other_options_and_a_failure(demo_data: Path, tmp_path: Path, runs: list[str]) -> None:
    indexed(demo_data / "coco", "coco", tmp_path / "a")
    indexed(demo_data / "coco", "coco", tmp_path / "b", segments="instances", split="train2017")
    assert runs == ["coco", "coco"]
    for _ in range(2):
        with pytest.raises(Exception, match="no annotations"):
            indexed(demo_data / "coco", "coco", tmp_path / "c", split="val2014")
    assert runs == ["coco"] * 4, "a failure is not kept"


def test_an_index_of_other_code_is_made_again(
    demo_data: Path, tmp_path: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an index says of a record is decided by the code in vbdata/index, too."""
    indexed(demo_data / "kitti", "kitti", tmp_path / "a")
    monkeypatch.setattr(plugins, "folder_digest", lambda folder: f"another {folder}")
    indexed(demo_data / "kitti", "kitti", tmp_path / "b")
    assert runs == ["kitti", "kitti"]


def test_a_torn_cache_is_made_again(demo_data: Path, tmp_path: Path, runs: list[str]) -> None:
    first = indexed(demo_data / "kitti", "kitti", tmp_path / "a")
    for file in (tmp_path / "cache" / "index").rglob("*.json"):
        file.write_text("[[")
    assert same(first, indexed(demo_data / "kitti", "kitti", tmp_path / "b"))
    for file in (tmp_path / "cache" / "index").rglob("*.arrow"):
        file.unlink()
    assert same(first, indexed(demo_data / "kitti", "kitti", tmp_path / "c"))
    assert runs == ["kitti"] * 3


def test_the_cache_stays_small(demo_data: Path, tmp_path: Path, runs: list[str]) -> None:
    data = Path(shutil.copytree(demo_data / "kitti", tmp_path / "data"))
    victim = sorted(data.rglob("*.png"))[0]
    for more in range(7):
        victim.write_bytes(victim.read_bytes() + bytes(more))
        indexed(data, "kitti", tmp_path / "a")
    kept = list((tmp_path / "cache" / "index").glob("*/*"))
    assert len(kept) == 4


def test_an_index_in_use_is_not_rewritten(demo_data: Path, tmp_path: Path, runs: list[str]) -> None:
    """Files may be links into the cache: making an index anew must not write through them."""
    data = Path(shutil.copytree(demo_data / "kitti", tmp_path / "data"))
    first = indexed(data, "kitti", tmp_path / "a")
    before = [entry.id for entry in first.entries(range(len(first)))]
    sorted(data.rglob("*.png"))[0].unlink()
    indexed(data, "kitti", tmp_path / "a")
    assert [entry.id for entry in first.entries(range(len(first)))] == before
