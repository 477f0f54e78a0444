"""The ETH3D reader: raw depth named .JPG, sizes by the calibration, damage; by NumPy."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines import eth3d
from pipelines.demo import eth3d as demo
from vbdata.core.labels import Depth
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

CAMERAS = "# Camera list with one line of data per camera:\n0 THIN_PRISM_FISHEYE 6 4 3 3 3 2\n"
RAW = np.array([1.5, np.inf, 0, -1, np.nan, 2] * 4, "<f4")


def depth(root: Folder, entry: Entry) -> Depth:
    found = eth3d.load(root, entry, ["depth"]).labels["depth"]
    assert isinstance(found, Depth)
    return found


def put(
    folder: Path,
    data: bytes = RAW.tobytes(),
    cameras: str | None = CAMERAS,
    images: str | None = None,
    size: tuple[int, int] = (6, 4),
) -> Folder:
    """A scene of one picture."""
    jpeg = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned when shown
    Image.new("RGB", size).save(jpeg, "jpeg", exif=exif)
    files = {
        "hall/images/dslr_images/DSC_1.JPG": jpeg.getvalue(),
        "hall/images/dslr_images_undistorted/DSC_1.JPG": jpeg.getvalue(),
        "hall/ground_truth_depth/dslr_images/DSC_1.JPG": data,
    }
    for name, text in (("cameras", cameras), ("images", images)):
        if text is not None:
            files[f"hall/dslr_calibration_jpg/{name}.txt"] = text.encode()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return Folder(str(folder))


def test_the_miniature_is_the_scene(demo_of: Callable[[str], Path]) -> None:
    root = Folder(str(demo_of("eth3d")))
    wanted = {f"{scene}/{name}": rest for scene, name, *rest in demo.truth()}
    entries = list(eth3d.index(root))
    assert [e.id for e in entries] == sorted(wanted)
    for entry in entries:
        shot, metres = wanted[entry.id]
        path = f"{root.url}/{entry.files['depth'].path}"
        assert np.array_equal(np.fromfile(path, "<f4").reshape(metres.shape), metres)
        label = depth(root, entry)
        valid = np.asarray(label.valid)
        assert np.array_equal(valid, np.isfinite(metres))
        assert 0.04 < valid.mean() < 0.12
        assert np.allclose(np.asarray(label.metres)[valid], shot.depth[valid], rtol=1e-6)
        assert not np.isinf(np.asarray(label.metres)).any()
        assert entry.group == f"eth3d:{entry.id.partition('/')[0]}"
    assert {(e.width, e.height) for e in entries} == set(demo.SIZES.values())


def test_what_is_no_depth_and_pictures_as_stored(tmp_path: Path) -> None:
    root = put(tmp_path)
    (entry,) = eth3d.index(root)
    label = depth(root, entry)
    assert np.asarray(label.valid).tolist() == [[1, 0, 0, 0, 0, 1]] * 4
    assert np.asarray(label.metres).tolist() == [[1.5, 0, 0, 0, 0, 2]] * 4
    assert isinstance(eth3d.load(root, entry, []).image, bytes)
    assert entry.camera is None


@pytest.mark.parametrize(
    ("cameras", "images", "size"),
    [
        (None, None, (6, 4)),
        (
            "0 SIMPLE_PINHOLE 6 4 3 3 2\n1 PINHOLE 4 6 3 3 3 2\n",
            "7 1 0 0 0 0 0 0 0 dslr_images/DSC_1.JPG\n",
            (6, 4),
        ),
        (
            "0 SIMPLE_PINHOLE 6 4 3 3 2\n1 PINHOLE 4 6 3 3 3 2\n",
            "# x\n7 1 0 0 0 0 0 0 0 d/DSC_2.JPG\n\n8 1 0 0 0 0 0 0 1 d/DSC_1.JPG\n1 2 3",
            (4, 6),
        ),
        ("0 SIMPLE_PINHOLE 4 6 3 3 2\n", None, (4, 6)),
    ],
)
def test_the_size_is_the_cameras_or_the_pictures(
    cameras: str | None, images: str | None, size: tuple[int, int], tmp_path: Path
) -> None:
    root = put(tmp_path, cameras=cameras, images=images, size=size)
    (entry,) = eth3d.index(root)
    assert (entry.width, entry.height) == size
    assert np.asarray(depth(root, entry).metres).shape == size[::-1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data": RAW.tobytes()[:-1]}, "truncated: 95 bytes, 6x4 numbers of 4 are 96"),
        ({"data": RAW.tobytes() + b"\0" * 4}, "wrong size: 100 bytes"),
        ({"data": np.full(24, np.inf, "<f4").tobytes()}, "all invalid"),
        ({"size": (5, 4)}, "wrong size: 5x4, expected 6x4"),
        ({"cameras": "0 PINHOLE 6\n"}, "garbled annotation: .*no camera"),
        ({"cameras": "0 PINHOLE 99999999 99999999\n"}, "out of range: .*99999999x99999999"),
        ({"images": "0 1 2\n"}, "garbled annotation: .*no image"),
    ],
)
def test_damage(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    root = put(tmp_path, **changes)
    (entry,) = eth3d.index(root)
    with pytest.raises(BadSample, match=f"^{reason}"):
        eth3d.load(root, entry, ["depth"])


def test_marigolds_layout_missing_files_and_the_release(tmp_path: Path) -> None:
    put(tmp_path / "a")
    source = tmp_path / "a" / "hall"
    shutil.copytree(source / "images", tmp_path / "b/rgb/hall/images")
    shutil.copytree(
        source / "ground_truth_depth", tmp_path / "b/depth/hall_dslr_depth/hall/ground_truth_depth"
    )
    root = Folder(str(tmp_path / "b"))
    (entry,) = eth3d.index(root)
    assert entry.id == "hall/DSC_1"
    assert depth(root, entry).valid.any()
    shutil.copy(
        source / "images/dslr_images/DSC_1.JPG", tmp_path / "a/hall/images/dslr_images/DSC_2.JPG"
    )
    first, second = eth3d.index(Folder(str(tmp_path / "a")))
    assert not first.fault
    assert second.fault.startswith("missing: hall/images/dslr_images/DSC_2.JPG: no hall/ground_tr")
    shutil.rmtree(source / "ground_truth_depth")
    with pytest.raises(SourceError, match="are the 7z archives unpacked"):
        list(eth3d.index(Folder(str(tmp_path / "a"))))
    assert eth3d.official().entries == 454
