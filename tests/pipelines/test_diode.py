"""The DIODE reader: its miniature, and every way in which an .npy file can be wrong."""

from __future__ import annotations

import io
import pickle
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines import diode
from pipelines.demo import diode as demo
from pipelines.formats import npy
from vbdata.core.labels import Depth
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 16, 12
AT = "val/indoors/scene_00019/scan_00183"
FRAME = f"{AT}/00019_00183_indoors_110_000"


def saved(values: Any) -> bytes:
    data = io.BytesIO()
    np.save(data, values)
    return data.getvalue()


def metres() -> NDArray[np.float32]:
    return np.linspace(0.5, 9, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH, 1)


def tree(folder: Path, **files: bytes) -> Folder:
    """One frame; files: suffix without dots -> other bytes."""
    default = {
        "png": cv2.imencode(".png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes(),
        "_depth": saved(metres()),
        "_depth_mask": saved(np.ones((HEIGHT, WIDTH))),
    }
    (folder / AT).mkdir(parents=True, exist_ok=True)
    for suffix, data in {**default, **files}.items():
        name = f"{FRAME}.png" if suffix == "png" else f"{FRAME}{suffix}.npy"
        (folder / name).write_bytes(data)
    return Folder(str(folder))


def only(root: Folder) -> Entry:
    (entry,) = diode.index(root, split="val", domain="indoors")
    return entry


def read(root: Folder) -> Depth:
    found = diode.load(root, only(root), ["depth"]).labels["depth"]
    assert isinstance(found, Depth)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "val"])
def test_the_miniature_is_the_truth(tmp_path: Path, split: str) -> None:
    demo.write(tmp_path, seed=3)
    root = Folder(str(tmp_path))
    shots = {shot.id: shot for shot in demo.truth(seed=3) if shot.split == split}
    entries = list(diode.index(root, split=split))
    assert [e.id for e in entries] == sorted(shots)
    masked = 0
    for entry in entries:
        shot = shots[entry.id]
        depth, mask = demo.scanned(shot, 3)
        found = diode.load(root, entry, ["depth"])
        label = found.labels["depth"]
        assert np.array_equal(label.valid, mask)
        assert np.array_equal(label.metres, np.where(mask, depth, 0))
        assert np.allclose(depth[mask], shot.frame.depth[mask], rtol=1e-6)
        assert not mask[~np.isfinite(shot.frame.depth)].any()
        masked += int((depth[~mask] > 0).sum())
        assert found.image == (tmp_path / shot.image).read_bytes()
        lens = np.linalg.inv(shot.camera.lens)
        assert np.allclose(entry.camera or 0, (lens[0, 0], lens[1, 1], lens[0, 2], lens[1, 2]))
        assert entry.group == f"diode:{shot.id.split('/')[2]}"
    assert masked > 100  # depth that only the mask takes away


@pytest.mark.slow
def test_domains(tmp_path: Path) -> None:
    demo.write(tmp_path, frames=1)
    root = Folder(str(tmp_path))
    parts = {d: [e.id for e in diode.index(root, domain=d)] for d in diode.DOMAINS}
    assert len(parts["indoors"]) == len(parts["outdoor"]) == 2
    assert parts["both"] == parts["indoors"] + parts["outdoor"]
    shutil.rmtree(tmp_path / "train/outdoor")
    with pytest.raises(SourceError, match=r"in train/outdoor; domain: indoors or outdoor"):
        list(diode.index(root))
    assert [e.id for e in diode.index(root, domain="indoors")] == parts["indoors"]
    for option in ({"split": "test"}, {"domain": "outdoors"}):
        with pytest.raises(SourceError, match="is not a choice"):
            list(diode.index(root, **option))  # type: ignore[arg-type]


def test_the_official_release() -> None:
    assert diode.official().entries == 25458
    assert diode.official(split="val").entries == 771
    assert diode.official(split="val", domain="outdoor").entries == 446
    (download,) = diode.official().downloads
    assert (download.path, download.archive) == ("train", "train.tar.gz")
    assert download.url.startswith("http")
    with pytest.raises(SourceError):
        diode.official(split="test")


def test_the_official_size_and_camera_without_a_header(tmp_path: Path) -> None:
    entry = only(tree(tmp_path, _depth=b"garbage"))
    assert (entry.width, entry.height) == (1024, 768)
    assert entry.camera == (886.81, 927.06, 512, 384)
    entry = only(tree(tmp_path, _depth=saved(np.zeros((1 << 10, 0, 1), np.float32))))
    assert (entry.width, entry.height) == (1024, 768)


@pytest.mark.parametrize(
    "depth",
    [
        metres(),
        metres()[..., 0],
        np.asfortranarray(metres()[..., 0]),
        metres().astype(">f4"),
    ],
)
def test_forms_of_depth(tmp_path: Path, depth: NDArray[np.float32]) -> None:
    found = read(tree(tmp_path, _depth=saved(depth)))
    assert np.array_equal(found.metres, metres()[..., 0])
    assert found.valid.all()


@pytest.mark.parametrize("kind", ["f4", "f8", ">f8", "u1", "b1"])
def test_forms_of_masks(tmp_path: Path, kind: str) -> None:
    mask = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 3 > 0
    found = read(tree(tmp_path, _depth_mask=saved(mask.astype(kind))))
    assert np.array_equal(found.valid, mask)
    assert not found.metres[~found.valid].any()


def test_values_that_are_no_depth(tmp_path: Path) -> None:
    depth = metres()
    depth[0, :4, 0] = (0, np.nan, np.inf, -1)
    found = read(tree(tmp_path, _depth=saved(depth)))
    assert not found.valid[0, :4].any()
    assert int(found.valid.sum()) == HEIGHT * WIDTH - 4
    assert not found.metres[0, :4].any()


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was opened",)


def crafted(text: str, values: bytes = b"", version: int = 1) -> bytes:
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode("latin-1") + values


GOOD = saved(metres())
DAMAGED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "truncated"),
    "no header": (GOOD[:8], "truncated"),
    "half a header": (GOOD[:60], "truncated"),
    "one value short": (GOOD[:-4], "truncated"),
    "one byte more": (GOOD + b"x", "undecodable"),
    "web page": (b"<html>", "undecodable"),
    "pickle": (pickle.dumps(Bomb()), "undecodable"),
    "objects": (saved(np.array([Bomb()], object)), "wrong dtype"),
    "records": (saved(np.zeros(4, [("a", "f4")])), "wrong dtype"),
    "float64": (saved(metres().astype(np.float64)), "wrong dtype"),
    "complex": (saved(metres().astype(np.complex64)), "wrong dtype"),
    "turned": (saved(metres().transpose(1, 0, 2)), "wrong size"),
    "two channels": (saved(np.zeros((HEIGHT, WIDTH, 2), np.float32)), "wrong size"),
    "scalar": (saved(np.float32(1)), "wrong size"),
    "nothing": (saved(np.zeros((HEIGHT, WIDTH, 1), np.float32)), "all invalid"),
    "version 9": (crafted("{}", version=9), "undecodable"),
    "huge header": (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + b" " * 99, "undecodable"),
    "code": (crafted("__import__('os').abort()"), "undecodable"),
    "nested": (crafted("(" * 3000), "undecodable"),
    "signs": (crafted("-" * 4000 + "1"), "undecodable"),
    "list": (crafted("[1]"), "undecodable"),
    "more keys": (
        crafted("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}"),
        "undecodable",
    ),
    "huge": (
        crafted("{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999, 9)}"),
        "wrong size",
    ),
    "negative": (
        crafted("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2)}"),
        "undecodable",
    ),
    "true": (
        crafted("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 2)}"),
        "undecodable",
    ),
    "odd number": (
        crafted("{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}"),
        "wrong dtype",
    ),
    "order": (crafted("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}"), "undecodable"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_depth(tmp_path: Path, name: str) -> None:
    data, reason = DAMAGED[name]
    root = tree(tmp_path)
    entry = only(root)
    tree(tmp_path, _depth=data)
    with pytest.raises(BadSample, match=rf"^{reason}: .*_depth\.npy\]$"):
        diode.load(root, entry, ["depth"])


@pytest.mark.parametrize("version", [1, 2, 3])
def test_versions_of_the_header(version: int) -> None:
    text = "{'shape': (2, 3), 'fortran_order': True, 'descr': '<f4', }\n"
    values = np.arange(6, dtype=np.float32)
    found = npy.plane(crafted(text, values.tobytes(), version), 2, 3, ("f4",))
    assert np.array_equal(found, values.reshape(3, 2).T)


@given(st.binary(max_size=200), st.integers(0, 127), st.binary(max_size=8))
def test_no_bytes_break_the_header(text: bytes, at: int, patch: bytes) -> None:
    for data in (
        b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text,
        GOOD[:at] + patch + GOOD[at + len(patch) :],
    ):
        try:
            found = npy.plane(data, HEIGHT, WIDTH, ("f4",))
        except BadSample:
            continue
        assert found.shape == (HEIGHT, WIDTH)
        assert found.dtype == np.float32


@pytest.mark.parametrize("value", [2, -1, 0.5, np.nan, np.inf])
def test_masks_that_are_none(tmp_path: Path, value: float) -> None:
    mask = np.ones((HEIGHT, WIDTH))
    mask[3, 4] = value
    with pytest.raises(BadSample, match=r"out of range: 1 pixels are neither.*_mask\.npy"):
        read(tree(tmp_path, _depth_mask=saved(mask)))


def test_damaged_masks_and_pictures(tmp_path: Path) -> None:
    root = tree(tmp_path)
    entry = only(root)
    for suffix, data, reason in (
        ("_depth_mask", saved(np.zeros((HEIGHT, WIDTH))), "all invalid"),
        ("_depth_mask", saved(np.ones((HEIGHT, WIDTH), np.int64)), "wrong dtype"),
        ("png", cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes(), "wrong size"),
        ("png", b"", "truncated"),
        ("png", b"<html>", "undecodable"),
    ):
        tree(tmp_path, **{suffix: data})
        with pytest.raises(BadSample, match=reason):
            diode.load(root, entry, ["depth"])


@pytest.mark.parametrize("suffix", [".png", "_depth.npy", "_depth_mask.npy"])
def test_a_missing_file_is_a_fault_of_its_frame(tmp_path: Path, suffix: str) -> None:
    root = tree(tmp_path)
    for other in diode.SUFFIXES.values():  # the size is that of any depth map
        shutil.copy(tmp_path / f"{FRAME}{other}", tmp_path / f"{FRAME[:-3]}010{other}")
    (tmp_path / f"{FRAME}{suffix}").unlink()
    broken, whole = diode.index(root, split="val", domain="indoors")
    assert diode.load(root, whole, ["depth"]).labels
    with pytest.raises(BadSample, match=rf"missing.*110_000{suffix}"):
        diode.load(root, broken, ["depth"])


def test_other_files_are_not_frames(tmp_path: Path) -> None:
    root = tree(tmp_path)
    for name in (
        f"{FRAME}_normal.npy",
        f"{AT}/00019_00183_indoors_120_000_normal.npy",
        f"{AT}/._00019_00183_indoors_110_000.png",
        f"{AT}/notes.txt",
        "val/indoors/data_list.csv",
    ):
        (tmp_path / name).write_bytes(b"")
    assert only(root).id == FRAME


def test_pictures_without_depth(tmp_path: Path) -> None:
    root = tree(tmp_path)
    entry = only(root)
    (tmp_path / f"{FRAME}_depth.npy").write_bytes(b"")
    assert not diode.load(root, entry, []).labels
    with pytest.raises(ValueError, match="not"):
        diode.load(root, entry, ["normals"])
