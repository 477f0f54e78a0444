"""The iBims-1 reader: its formula, no returns, masks, and damage; by PIL and NumPy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipelines import ibims1
from pipelines.demo import ibims1 as demo
from vbdata.core.labels import Depth
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder


def depth(root: Folder, entry: Entry) -> Depth:
    found = ibims1.load(root, entry, ["depth"]).labels["depth"]
    assert isinstance(found, Depth)
    return found


def put(folder: Path, **changes: NDArray[Any]) -> Folder:
    """A picture of 4 x 3 pixels; changes: folder -> other pixels."""
    files: dict[str, NDArray[Any]] = {
        "rgb": np.zeros((3, 4, 3), np.uint8),
        "depth": np.array([[0, 65535, 1, 2], [65534, 1311, 9, 9], [9] * 4], np.uint16),
        "mask_invalid": np.array([[1] * 4, [1] * 4, [0, 1, 1, 1]], bool),
        "mask_transp": np.array([[255] * 4, [255] * 4, [255, 0, 255, 255]], np.uint8),
    }
    for name, pixels in {**files, **changes}.items():
        (folder / name).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / name / "room_01.png")
    return Folder(str(folder))


def test_the_miniature_is_the_scene(demo_of: Callable[[str], Path]) -> None:
    root = Folder(str(demo_of("ibims1")))
    shots = {each.name: each for each in demo.truth()}
    entries = list(ibims1.index(root))
    assert [e.id for e in entries] == sorted(shots)
    for entry in entries:
        each = shots[entry.id]
        label = depth(root, entry)
        metres, valid = np.asarray(label.metres), np.asarray(label.valid)
        wanted = np.isfinite(each.shot.depth) & each.measured & each.opaque
        wanted[::7, ::11] = False
        assert np.array_equal(valid, wanted)
        assert np.abs(metres - each.shot.depth)[valid].max() < 0.5 * 50 / 65535 + 1e-6
        assert entry.camera == pytest.approx(each.shot.camera, abs=1e-4)
        assert entry.group == f"ibims:{entry.id}"
    assert sum(int((s.shot.ids == demo.GLASS).sum()) for s in shots.values()) > 50


def test_the_formula_no_returns_and_masks_of_1_and_8_bits(tmp_path: Path) -> None:
    root = put(tmp_path)
    (entry,) = ibims1.index(root)
    label = depth(root, entry)
    assert np.asarray(label.valid).tolist() == [[0, 0, 1, 1], [1] * 4, [0, 0, 1, 1]]
    metres = np.asarray(label.metres)
    assert metres[0, 2] == np.float32(50 / 65535)
    assert metres[1, 1] == np.float32(1311 * 50 / 65535)  # a metre: not 1311 / 50 x 65535
    assert metres[1, 0] < 50
    assert entry.camera is None
    (tmp_path / "calib").mkdir()
    (tmp_path / "calib" / "room_01.txt").write_text("550.4,548.55,320,239.5\n")
    (entry,) = ibims1.index(root)
    assert entry.camera == (550.4, 548.55, 320, 239.5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"depth": np.zeros((3, 4), np.uint8)}, "wrong dtype"),
        ({"depth": np.zeros((4, 3), np.uint16)}, "wrong size"),
        ({"depth": np.full((3, 4), 65535, np.uint16)}, "all invalid"),
        ({"mask_transp": np.ones((3, 5), np.uint8)}, "wrong size"),
        ({"mask_invalid": np.arange(12, dtype=np.uint8).reshape(3, 4)}, "out of range"),
    ],
)
def test_damage(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    root = put(tmp_path, **changes)
    (entry,) = ibims1.index(root)
    with pytest.raises(BadSample, match=f"^{reason}"):
        ibims1.load(root, entry, ["depth"])


def test_missing_files_and_the_release(tmp_path: Path) -> None:
    root = put(tmp_path)
    shutil.rmtree(tmp_path / "mask_transp")
    (entry,) = ibims1.index(root)
    assert entry.fault == "missing: no mask_transp/room_01.png"
    with pytest.raises(SourceError, match=r"no files rgb/corridor_01\.png"):
        list(ibims1.index(Folder(str(tmp_path / "rgb"))))
    assert ibims1.official().entries == 100
