"""Depth in other units than its sensor's, frames that a source's rules leave out, other types."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines import diode, hypersim, kitti, nyuv2
from pipelines.parts import depth_rules
from tests.pipelines import test_diode, test_hypersim, test_kitti, test_nyuv2
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder


def first(reader: Any, root: Folder, **options: Any) -> Entry:
    return next(iter(reader.index(root, **options)))


def test_kitti_ends_where_its_scanner_does(tmp_path: Path) -> None:
    root = test_kitti.tree(tmp_path)
    file = test_kitti.depth_file(tmp_path / "depth", 5)
    for metres, fits in ((120, True), (128, True), (129, False), (250, False)):
        test_kitti.png(file, test_kitti.depth_map(metres * 256))
        if fits:
            assert kitti.load(root, first(kitti, root), ["depth"]).labels
            continue
        with pytest.raises(BadSample, match=rf"out of range: depth up to {metres}.0 m, in 144 pix"):
            kitti.load(root, first(kitti, root), ["depth"])


def test_nyu_and_diode_end_where_their_sensors_do(tmp_path: Path) -> None:
    test_nyuv2.sync(tmp_path / "n/kitchen_0003", 0, np.full(test_nyuv2.SIZE, 11_725, np.uint16))
    root = Folder(str(tmp_path / "n"))
    with pytest.raises(BadSample, match=r"out of range: depth up to 11.7 m"):
        nyuv2.load(root, first(nyuv2, root), ["depth"])
    millimetres = test_diode.metres() * 1000
    root = test_diode.tree(tmp_path / "d", _depth=test_diode.saved(millimetres))
    with pytest.raises(BadSample, match=r"out of range: .* beyond the 350 m"):
        test_diode.read(root)


@pytest.mark.parametrize("kind", ["jpg", "webp", "tif"])
def test_pictures_of_another_type_than_the_official_one(tmp_path: Path, kind: str) -> None:
    root = test_kitti.tree(tmp_path / "k")
    for file in (tmp_path / "k").glob("raw/*/*/image_02/data/*.png"):
        picture = io.BytesIO()
        Image.open(file).save(picture, {"jpg": "JPEG", "tif": "TIFF"}.get(kind, "WEBP"))
        file.with_suffix(f".{kind}").write_bytes(picture.getvalue())
        if file.stem[-1] != "7":
            file.unlink()  # the official type wins where there are both
    entries = list(kitti.index(root))
    assert [e.files["image"].path[-3:] for e in entries] == [kind[-3:], kind[-3:], "png"]
    assert all(kitti.load(root, entry, ["depth"]).labels for entry in entries)


def test_nyu_pictures_may_be_png(tmp_path: Path) -> None:
    test_nyuv2.sync(tmp_path / "kitchen_0003", 0)
    jpeg = tmp_path / "kitchen_0003/rgb_00000.jpg"
    assert cv2.imwrite(str(jpeg.with_suffix(".png")), cv2.imread(str(jpeg)))
    jpeg.unlink()
    root = Folder(str(tmp_path))
    entry = first(nyuv2, root)
    assert nyuv2.load(root, entry, ["depth"]).image == jpeg.with_suffix(".png").read_bytes()


def test_rules_leave_frames_out(tmp_path: Path) -> None:
    root = test_hypersim.tree(tmp_path, frames=3)
    height, width = test_hypersim.HEIGHT, test_hypersim.WIDTH
    picture = np.zeros((height, width, 3), np.float16)
    picture[height // 2 :] = 0.5
    test_hypersim.hdf5(test_hypersim.color(tmp_path, 1), picture)
    depth = test_hypersim.wall(test_hypersim.PLAIN)
    depth[: height // 2] = np.nan
    test_hypersim.hdf5(test_hypersim.geometry(tmp_path, 2, "depth_meters"), depth)
    for rules, expected in (
        ({}, ["", "", ""]),
        ({"min_rgb_range": 10}, ["min_rgb_range", "", "min_rgb_range"]),
        ({"max_invalid": Decimal("0.3")}, ["", "", "max_invalid"]),
        ({"min_depth_range": 100}, ["min_depth_range"] * 3),
    ):
        found = list(hypersim.index(root, **rules))
        assert [e.fault.removeprefix("left out: ").partition(":")[0] for e in found] == expected
    test_hypersim.geometry(tmp_path, 0, "depth_meters").write_bytes(b"no HDF5")
    assert first(hypersim, root, max_invalid=0.9).fault.startswith("undecodable: ")


def test_rules_are_numbers(tmp_path: Path) -> None:
    for rule, value in (("min_rgb_range", 256), ("max_invalid", "0.1"), ("max_invalid", True)):
        with pytest.raises(SourceError, match=rf"{rule}: {value!r} is not a number from 0 to"):
            list(diode.index(Folder(str(tmp_path)), **{rule: value}))
        with pytest.raises(SourceError, match=rule):
            diode.official(**{rule: value})


def test_depth_that_is_not_valid_may_be_anything() -> None:
    metres = np.array([[1.0, np.nan, 999]])
    depth_rules.within(metres, np.array([[True, False, False]]), 10, "a")
    with pytest.raises(BadSample, match="in 1 pixels beyond the 10 m"):
        depth_rules.within(metres, np.array([[True, False, True]]), 10, "a")
