"""DSINE's pack of normals: its miniature against the exact scene, its axes, damage and pickles."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines import dsine
from pipelines.demo import dsine as demo
from pipelines.formats import array_pickle
from pipelines.formats.plain_pickle import UnsafePickle
from pipelines.parts.nyuv2 import scenes
from vbdata.core.labels import Normals
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

STEPS = {"png8": 0.45, "png16": 0.003, "float": 1e-5}  # degrees that a coding costs, at most
CODINGS = {"vkitti": "png16", "ibims": "float", "sintel": "float", "oasis": "float"}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = tmp_path_factory.mktemp("dsine")
    demo.write(folder, seed=3)
    return Folder(str(folder))


def normals(root: Folder, entry: Entry) -> Normals:
    found = dsine.load(root, entry, ["normals"]).labels["normals"]
    assert isinstance(found, Normals)
    return found


@pytest.mark.parametrize("part", dsine.PARTS)
def test_every_coding_gives_the_scene(part: str, pack: Folder) -> None:
    folder = dsine.PARTS[part][0]
    shots = {stem: shot for stem, shot in demo.truth(seed=3) if f"{stem}/".startswith(folder)}
    entries = list(dsine.index(pack, part=part))
    assert len(entries) == len(shots) == 4
    for entry in entries:
        scene, name = entry.id.split("/")
        shot = shots[f"{folder}/{name}" if part.startswith("nyu") else f"{folder}/{scene}/{name}"]
        label = normals(pack, entry)
        xyz, valid = np.asarray(label.xyz), np.asarray(label.valid)
        wanted = shot.ids > 0
        if part == "oasis":
            top, bottom, left, right = demo.BOX
            box = np.zeros_like(wanted)
            box[top : bottom + 1, left : right + 1] = True
            wanted &= box
        if part in ("ibims", "sintel"):
            wanted[-1, -1] = False  # NaN
        assert np.array_equal(valid, wanted)
        cosine = np.clip((np.moveaxis(xyz, 0, -1) * shot.normals).sum(-1), -1, 1)[valid]
        assert np.degrees(np.arccos(cosine)).max() < STEPS[CODINGS.get(part, "png8")] + 0.03
        assert (xyz[:, ~valid] == 0).all()
        assert xyz[2][shot.ids == 2][valid[shot.ids == 2]].max() < -0.99  # the wall faces us
        assert entry.camera == pytest.approx(shot.camera, rel=1e-6)


def test_an_8_bit_file_has_the_colours_that_vbdata_draws(pack: Folder) -> None:
    from transforms import normals as task

    entry = next(iter(dsine.index(pack, part="scannet")))
    label = normals(pack, entry)
    stored = cv2.imread(f"{pack.url}/{entry.files['normals'].path}", cv2.IMREAD_UNCHANGED)
    drawn = np.asarray(task.render(label, task.PARAMS)).astype(int)
    apart = np.abs(drawn - stored[..., ::-1])[np.asarray(label.valid)]
    assert apart.max() <= 1


def test_groups_are_those_of_the_data_sets_themselves(pack: Folder) -> None:
    groups = {part: [e.group for e in dsine.index(pack, part=part)] for part in dsine.PARTS}
    assert groups["nyuv2"][:3] == ["nyuv2:kitchen_0004", "nyuv2:kitchen_0004", "nyuv2:office_0005"]
    assert groups["nyuv2-train"][0] == "nyuv2:office_0003"
    assert groups["scannet"][::2] == ["scannet:scene0220", "scannet:scene0532"]
    assert groups["vkitti"][0] == "kitti:2011_09_26_drive_0009_sync"
    assert groups["sintel"][0] == "sintel:alley_1"
    assert groups["ibims"][0] == "ibims:corridor_01"
    every = [scenes.group(number) for number in range(1, 1450)]
    assert len(set(every)) == 464  # as many scenes as the .mat has
    assert (every[0], every[-1]) == ("nyuv2:kitchen_0004", "nyuv2:dining_room_0036")
    assert [scenes.group(number) for number in (0, 1450)] == ["nyuv2:frame 0", "nyuv2:frame 1450"]


def box(**changes: Any) -> bytes:
    normal = np.zeros((3, 4, 3))
    normal[..., 0], normal[1, 1] = 1.0, 0.0
    value = {"min_y": 1, "max_y": 3, "min_x": 2, "max_x": 5, "normal": normal}
    return pickle.dumps(value | changes, protocol=2)


def one(folder: Path, data: bytes) -> Folder:
    """An oasis picture of 6 x 5 pixels with these bytes as its normals."""
    at = folder / "oasis/val"
    at.mkdir(parents=True)
    cv2.imwrite(str(at / "1_img.png"), np.zeros((5, 6, 3), np.uint8))
    (at / "1_normal.pkl").write_bytes(data)
    return Folder(str(folder))


def test_the_axes_of_oasis_and_its_box(tmp_path: Path) -> None:
    root = one(tmp_path, box(min_y=np.int64(1)))
    (entry,) = dsine.index(root, part="oasis")
    label = normals(root, entry)
    valid = np.zeros((5, 6), bool)
    valid[1:4, 2:6] = True
    valid[2, 3] = False
    assert np.array_equal(np.asarray(label.valid), valid)
    # the loader makes (-1, 0, 0) of it, x to the left; that surface looks to the right
    assert (np.asarray(label.xyz)[:, 1, 2] == (1, 0, 0)).all()


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("false",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pickle.dumps({"normal": Bomb()}), "unsafe pickle: it names 'posix'.'system'"),
        (pickle.dumps({"normal": np.array([Bomb()], object)}), "unsafe pickle: it names 'posix'"),
        (box(max_x=6), "out of range: its box ends at 6, 3"),
        (box(max_y=2), "wrong size"),
        (box(min_y=-1), "garbled annotation: its box"),
        (box(normal=[1]), "garbled annotation: no dict"),
        (box(normal=np.full((3, 4, 3), np.nan)), "out of range: a normal is NaN"),
        (box(normal=np.zeros((3, 4, 3))), "all invalid"),
        (box(normal=np.zeros((3, 4, 3), np.int64)), "wrong size: int64"),
        (box()[:-20], "undecodable"),
        (b"", "undecodable"),
    ],
)
def test_pickles_that_are_refused(data: bytes, reason: str, tmp_path: Path) -> None:
    root = one(tmp_path, data)
    (entry,) = dsine.index(root, part="oasis")
    with pytest.raises(BadSample, match=rf"^{reason}"):
        dsine.load(root, entry, ["normals"])


ARRAYS: list[NDArray[Any]] = [
    np.arange(24.0).reshape(2, 4, 3),
    np.arange(24, dtype=">f4").reshape(2, 4, 3),
    np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    np.arange(24.0).reshape(4, 6)[:, ::2],
    np.array(3.5),
    np.zeros((0, 3), np.bool_),
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_every_protocol_and_kind(protocol: int) -> None:
    for array in ARRAYS:
        for value in ({"a": array, "b": np.float32(0.5), "c": array}, array):
            for old in (False, True):
                data = pickle.dumps(value, protocol)
                data = data.replace(b"numpy._core", b"numpy.core") if old and protocol < 4 else data
                found = array_pickle.plain(data)
                found = found if isinstance(found, dict) else {"a": found}
                assert np.array_equal(found["a"], array)
                assert found["a"].dtype == array.dtype.newbyteorder("=")
                assert found.get("b", 0.5) == 0.5


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(np.array(["text"])),
        pickle.dumps(np.zeros(2, [("a", "f4")])),
        pickle.dumps(np.zeros(2)).replace(b"\x02\x85", b"\x03\x85"),  # one number short
        b"cnumpy\nndarray\n.",
        b"cnumpy\nndarray\n)R.",
        b"cnumpy\ndtype\n(U\x02f8tR.",
        b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR.",
        b"c_codecs\nencode\n(U\x01xU\x04evaltR.",
        b"}cnumpy\nndarray\nNs.",
    ],
)
def test_what_is_no_array_of_numbers(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"before byte|without values|a name"):
        array_pickle.plain(data)


def test_every_other_name_is_unsafe() -> None:
    for module, name in (("numpy", "load"), ("numpy.core.multiarray", "fromfile"), ("os", "x")):
        for data in (
            f"c{module}\n{name}\n.".encode(),
            b"\x80\x04"
            + b"".join(b"\x8c" + bytes([len(w)]) + w.encode() for w in (module, name))
            + b"\x93.",
        ):
            with pytest.raises(UnsafePickle, match=f"names '{module}'.'{name}'"):
                array_pickle.plain(data)


def test_faults_of_pictures_and_of_the_option(pack: Folder, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(f"{pack.url}/dsine_eval/scannet", tmp_path / "scannet")
    first, second, third, fourth = sorted((tmp_path / "scannet").rglob("*_normal.png"))
    first.unlink()
    cv2.imwrite(str(second), np.zeros((48, 64, 3), np.uint8))
    cv2.imwrite(str(third), np.ones((48, 64, 3), np.uint16))
    cv2.imwrite(str(fourth), np.ones((48, 60, 3), np.uint8))
    fourth.with_name(fourth.name.replace("normal.png", "intrins.npy")).write_bytes(b"")
    root = Folder(str(tmp_path))
    reasons = ("missing", "all invalid", "wrong dtype", "wrong size")
    for entry, reason in zip(dsine.index(root, part="scannet"), reasons, strict=True):
        with pytest.raises(BadSample, match=f"^{reason}"):
            dsine.load(root, entry, ["normals"])
        assert (entry.camera is None) == (reason in ("missing", "wrong size"))
    with pytest.raises(SourceError, match=r"no files SCENE/NAME_img\.png .*_normal\.exr in ibims"):
        list(dsine.index(root, part="ibims"))
    with pytest.raises(SourceError, match="Known: ibims, nyuv2, nyuv2-train"):
        list(dsine.index(root, part="nyu"))
    assert [dsine.official(part=p).entries for p in ("nyuv2", "vkitti")] == [654, 1000]
