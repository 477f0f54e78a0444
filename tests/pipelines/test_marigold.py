"""Marigold's tars: what tarfile, PIL and NumPy read of them; lists, lines with None, damage."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipelines import marigold
from pipelines.demo import marigold as demo
from vbdata.core.labels import Depth
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.sources.open import open_root
from vbdata.storage.root import Root


@pytest.fixture(scope="module")
def folder(demo_of: Callable[[str], Path]) -> Path:
    return demo_of("marigold")


def opened(*roots: Path) -> Root:
    return open_root(tuple(map(str, roots)))


def depth(root: Root, entry: Entry) -> Depth:
    found = marigold.load(root, entry, ["depth"]).labels["depth"]
    assert isinstance(found, Depth)
    return found


def official(path: Path, each: demo.Framed) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Metres and valid pixels as the official loaders have them, without caps."""
    with tarfile.open(path) as tar:
        data = [io.BytesIO(tar.extractfile(f"./{name}").read()) for name in each.files[1:]]  # type: ignore[union-attr]
    if each.part == "diode":
        metres, mask = (np.load(each).squeeze() for each in data)
        return metres.astype(np.float64), mask.astype(bool)
    metres = np.asarray(Image.open(data[0])) / {"kitti": 256.0}.get(each.part, 1000.0)
    return metres, metres > 0


@pytest.mark.parametrize("part", demo.TARS)
def test_the_miniature_is_what_other_libraries_read(part: str, folder: Path) -> None:
    frames = {e.files[0].rpartition(".")[0]: e for e in demo.truth() if e.part == part}
    root = opened(folder)
    entries = list(marigold.index(root, part=part, frames=demo.LISTS[part]))
    assert [e.id for e in entries] == sorted(frames)
    for entry in entries:
        each = frames[entry.id]
        metres, wanted = official(folder / demo.TARS[part], each)
        label = depth(root, entry)
        valid = np.asarray(label.valid)
        assert np.array_equal(valid, wanted)
        assert np.array_equal(valid, each.measured)
        assert np.array_equal(np.asarray(label.metres)[valid], metres[valid].astype(np.float32))
        assert np.abs(metres - each.shot.depth)[valid].max() < 0.0021


def test_groups_are_those_of_the_data_sets_readers(folder: Path) -> None:
    root = opened(folder)
    groups = {part: [e.group for e in marigold.index(root, part=part)] for part in demo.TARS}
    assert set(groups["nyuv2"]) == {"nyuv2:kitchen_0004", "nyuv2:office_0005", "nyuv2:home_0003"}
    assert set(groups["kitti"]) == {f"kitti:{drive}" for drive in demo.DRIVES}
    assert groups["scannet"].count("scannet:scene0406") == 2
    assert set(groups["diode"]) == {"diode:scene_00021", "diode:scene_00022"}


def test_the_usual_list_is_found_and_none_is_needed(folder: Path, tmp_path: Path) -> None:
    whole = [e.id for e in marigold.index(opened(folder), part="kitti")]
    assert len(whole) == 4  # of six lines, two of them with None
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "eigen_test_files_with_gt.txt").write_text(
        (folder / demo.LISTS["kitti"]).read_text().splitlines()[3] + "\n"
    )
    tar = folder / demo.TARS["kitti"]
    assert [e.id for e in marigold.index(opened(lists, tar), part="kitti")] == [whole[2]]
    assert [e.id for e in marigold.index(opened(tar), part="kitti")] == whole
    for part in demo.TARS:  # without a list: training frames and filled depth are left alone
        found = list(marigold.index(opened(folder / demo.TARS[part]), part=part))
        assert len(found) == 4
        assert not any(e.fault for e in found)
    with tarfile.open(folder / demo.TARS["diode"]) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    (entry, *_) = marigold.index(opened(tmp_path / "unpacked"), part="diode")
    assert depth(opened(tmp_path / "unpacked"), entry).valid.any()


def test_lists_that_name_what_is_not_there(folder: Path, tmp_path: Path) -> None:
    text = (
        "test/kitchen_0004/rgb_0001.png test/kitchen_0004/depth_0999.png x\n"
        "\n"
        "test/nowhere/rgb_0001.png test/kitchen_0004/depth_0001.png x\n"
        "../test/rgb_0001.png test/kitchen_0004/depth_0001.png x\n"
        "test/kitchen_0004/rgb_0002.png test/kitchen_0004/depth_0002.png\n"
    )
    (tmp_path / "own.txt").write_text(text)
    root = opened(tmp_path, folder)
    found = {e.id: e.fault for e in marigold.index(root, frames="own.txt")}
    assert found == {
        "../test/rgb_0001": found["../test/rgb_0001"],
        "test/kitchen_0004/rgb_0001": "missing: no nyuv2/test/kitchen_0004/depth_0999.png",
        "test/kitchen_0004/rgb_0002": "",
        "test/nowhere/rgb_0001": "missing: no nyuv2/test/nowhere/rgb_0001.png",
    }
    assert found["../test/rgb_0001"].startswith("unsafe path")
    (tmp_path / "diode.txt").write_text("indoors/a.png indoors/a_depth.npy\n")
    (entry,) = marigold.index(root, part="diode", frames="diode.txt")
    assert entry.fault == "garbled annotation: its line names no mask"
    (tmp_path / "own.txt").write_text("a.png\n")
    with pytest.raises(SourceError, match=r"own\.txt: a line 'a\.png' without depth"):
        list(marigold.index(root, frames="own.txt"))
    (tmp_path / "own.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SourceError, match=r"own\.txt .* is not UTF-8"):
        list(marigold.index(root, frames="own.txt"))
    with pytest.raises(
        SourceError, match=r"no pictures with depth of scannet: is scannet/scannet_v"
    ):
        list(marigold.index(opened(tmp_path), part="scannet"))
    with pytest.raises(SourceError, match="Known: diode, kitti, nyuv2, scannet"):
        list(marigold.index(root, part="eth3d"))


def test_damaged_depth(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(folder / demo.TARS["diode"]) as packed:
        packed.extractall(tmp_path, filter="data")
    scan = tmp_path / "indoors/scene_00021/scan_00189/00021_00189_indoors_200_010"
    mask, metres = (scan.with_name(f"{scan.name}_depth{end}.npy") for end in ("_mask", ""))
    root = opened(tmp_path)
    (entry, *_) = marigold.index(root, part="diode")
    kept = metres.read_bytes()
    for value, reason in ((0.0, "all invalid"), (1e4, "out of range: depth up to 10000.0 m")):
        np.save(metres, np.full((48, 64, 1), value, np.float32))
        with pytest.raises(BadSample, match=f"^{reason}"):
            marigold.load(root, entry, ["depth"])
    metres.write_bytes(kept)
    np.save(mask, np.full((48, 64), 0.5))
    with pytest.raises(BadSample, match=r"^out of range: a mask"):
        marigold.load(root, entry, ["depth"])
    shutil.rmtree(scan.parent)
    with pytest.raises(BadSample, match=r"^missing"):
        marigold.load(root, entry, ["depth"])
    counts = [marigold.official(part=part).entries for part in demo.TARS]
    assert counts == [654, 652, 800, 771]
