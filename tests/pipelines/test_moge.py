"""Depth in MoGe's format: its formula, sky and holes, lists, cameras and damage."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from pipelines import moge
from pipelines.demo import moge as demo
from pipelines.formats import log_depth, png_text
from vbdata.core.images import encode_jpeg
from vbdata.core.labels import Depth
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder


def png(pixels: NDArray[Any], **texts: str) -> bytes:
    said, data = PngImagePlugin.PngInfo(), io.BytesIO()
    for key, value in texts.items():
        said.add_text(key, value)
    Image.fromarray(pixels).save(data, "png", pnginfo=said)
    return data.getvalue()


def official(data: bytes) -> NDArray[np.float32]:
    """The formula of MoGe's read_depth, in float64."""
    with Image.open(io.BytesIO(data)) as image:
        near, far = (np.float64(image.info[key]) for key in ("near", "far"))
        stored, unit = np.array(image), float(image.info.get("unit", 1))
    share = (stored.astype(np.float64) - 1) / 65533
    depth = near ** (1 - share) * far**share * unit
    depth[stored == 0], depth[stored == 65535] = np.nan, np.inf
    return depth.astype(np.float32)


def depth(root: Folder, entry: Entry) -> Depth:
    found = moge.load(root, entry, ["depth"]).labels["depth"]
    assert isinstance(found, Depth)
    return found


@pytest.mark.parametrize(
    "texts",
    [
        {"near": "0.5", "far": "80.25"},
        {"near": "1e-05", "far": "1.0"},
        {"near": "2.0", "far": "2.0"},
        {"near": "431.5", "far": "91234.75", "unit": "0.001"},
    ],
)
def test_every_value_is_that_of_the_formula(texts: dict[str, str]) -> None:
    data = png(np.arange(65536, dtype=np.uint16).reshape(256, 256), **texts)
    found, wanted = log_depth.read(data).ravel(), official(data).ravel()
    assert found.dtype == np.float32
    assert np.isnan(found[0])
    assert np.isposinf(found[65535])
    assert np.abs(found[1:-1] / wanted[1:-1] - 1).max() < 1.3e-7  # an ulp of float32
    unit = float(texts.get("unit", 1))
    assert found[1] == np.float32(float(texts["near"]) * unit)
    assert found[65534] == pytest.approx(float(texts["far"]) * unit, rel=1e-7)


@pytest.mark.parametrize("part", demo.SIZES)
def test_the_miniature_is_the_scene(part: str, tmp_path: Path) -> None:
    demo.write(tmp_path, seed=2)
    root = Folder(str(tmp_path))
    wanted = {name: rest for name, *rest in demo.truth(seed=2) if name.startswith(part)}
    entries = list(moge.index(root, part=part))
    assert [f"{part}/{e.id}" for e in entries] == sorted(wanted)
    skies = 0
    for entry in entries:
        shot, metres = wanted[f"{part}/{entry.id}"]
        label = depth(root, entry)
        found, valid = np.asarray(label.metres), np.asarray(label.valid)
        assert np.array_equal(valid, ~np.isnan(metres))
        assert np.array_equal(np.isposinf(found), np.isposinf(metres))
        finite = np.isfinite(metres)
        step = np.log(metres[finite].max() / metres[finite].min()) / 65533
        assert np.abs(np.log(found[finite] / metres[finite])).max() < 0.51 * step + 1e-6
        skies += int(np.isposinf(metres).sum())
        assert entry.camera == pytest.approx(shot.camera)
    assert (skies > 100) == (part == "NYUv2")


def test_lists_groups_and_data_of_ones_own(tmp_path: Path) -> None:
    demo.write(tmp_path)
    root = Folder(str(tmp_path))
    groups = {e.group for e in moge.index(root, part="KITTI")}
    assert groups == {f"kitti:2011_09_26_drive_{n}_sync" for n in ("0002", "0009")}
    assert next(e.group for e in moge.index(root)) == "moge:NYUv2/0001"
    (tmp_path / "NYUv2" / ".val.txt").write_text("\ufeff./0009/\r\n\r\n0009\r\n", "utf-8")
    own = Folder(str(tmp_path / "NYUv2"))
    (entry,) = moge.index(own, part="", frames=".val.txt")
    assert (entry.id, entry.group) == ("0009", "moge:0009")
    (tmp_path / "NYUv2" / ".film.txt").write_text("market_5/frame_0001\nmarket_50/1\n")
    found = {e.id: e.group for e in moge.index(own, part="", frames=".film.txt")}
    assert found["market_5/frame_0001"] == "sintel:market_5"
    assert found["market_50/1"] == "moge:market_50/1"
    (tmp_path / "NYUv2" / "0009" / "meta.json").write_text(json.dumps({"intrinsics": [[1]]}))
    (entry,) = moge.index(own, part="", frames=".val.txt")
    assert entry.camera is None
    assert depth(own, entry).valid.any()
    with pytest.raises(
        SourceError, match=r"no folder Sintel; of the pack there may be KITTI, NYUv2"
    ):
        list(moge.index(root, part="Sintel"))
    with pytest.raises(SourceError, match=r"no \.test\.txt \(which folders"):
        list(moge.index(own, part="", frames=".test.txt"))
    (tmp_path / "NYUv2" / ".val.txt").write_text("\n")
    with pytest.raises(SourceError, match="names nothing"):
        list(moge.index(own, part="", frames=".val.txt"))


GREY = np.full((4, 6), 9, np.uint16)
DAMAGED: dict[str, tuple[bytes, str]] = {
    "no texts": (png(GREY), "garbled annotation: a PNG without the text 'near'"),
    "no far": (png(GREY, near="1"), "garbled annotation: a PNG without the text 'far'"),
    "words": (png(GREY, near="1", far="x"), "out of range: its text far is 'x'"),
    "zero": (png(GREY, near="0", far="9"), "out of range"),
    "below 0": (png(GREY, near="-1", far="9"), "out of range"),
    "no number": (png(GREY, near="nan", far="9"), "out of range"),
    "endless": (png(GREY, near="1", far="inf"), "out of range"),
    "huge": (png(GREY, near="1", far="1e99"), "out of range"),
    "turned round": (png(GREY, near="9", far="1"), "out of range: near 9, far 1"),
    "8 bits": (png(GREY.astype(np.uint8), near="1", far="9"), "wrong dtype"),
    "another size": (png(GREY.T.copy(), near="1", far="9"), "wrong size"),
    "unknown": (png(GREY * 0, near="1", far="9"), "all invalid"),
    "cut": (png(GREY, near="1", far="9")[:-20], "truncated"),
    "a text": (b"0.5 0.7", "undecodable"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_depth(name: str, tmp_path: Path) -> None:
    data, reason = DAMAGED[name]
    (tmp_path / "a").mkdir()
    (tmp_path / ".index.txt").write_text("a\nb\n../c\n")
    (tmp_path / "a" / "image.jpg").write_bytes(encode_jpeg(np.zeros((4, 6, 3), np.uint8)))
    (tmp_path / "a" / "depth.png").write_bytes(data)
    root = Folder(str(tmp_path))
    unsafe, bad, missing = moge.index(root, part="")
    assert unsafe.fault.startswith("unsafe path")
    assert missing.fault == "missing: no b/image.jpg"
    with pytest.raises(BadSample, match=f"^{reason}"):
        moge.load(root, bad, ["depth"])


def test_texts_of_a_png() -> None:
    data = png(GREY, near="0.25", far="é")
    assert png_text.texts(data) == {"near": "0.25", "far": "é"}
    at = data.index(b"near\0") + 6
    assert png_text.texts(data[:at] + b"9" + data[at + 1 :]) == {"far": "é"}  # its checksum
    assert png_text.texts(b"") == png_text.texts(b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXt") == {}


def test_rules_leave_frames_out(tmp_path: Path) -> None:
    demo.write(tmp_path)
    root = Folder(str(tmp_path))
    shutil.rmtree(tmp_path / "NYUv2")
    faults = [e.fault for e in moge.index(root, part="KITTI", max_invalid=0.5)]
    assert all(fault.startswith("left out: max_invalid") for fault in faults)
    assert moge.official(part="KITTI").downloads[0].archive == "KITTI.zip"
