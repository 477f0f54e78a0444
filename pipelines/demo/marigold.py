"""A miniature of Marigold's tars: balls before a wall in four benchmarks, with lists of frames.

Depth has holes in all of them. KITTI's list has two lines with None, one of a picture that is in
the tar; NYUv2's tar has training frames and filled depth besides; ScanNet's list lies elsewhere.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream, mix64, word_of

from .balls import Still, still

SIZES = {"nyuv2": (64, 48), "kitti": (96, 32), "scannet": (64, 48), "diode": (64, 48)}
TARS = {
    "nyuv2": "nyuv2/nyu_labeled_extracted.tar",
    "kitti": "kitti/kitti_eigen_split_test.tar",
    "scannet": "scannet/scannet_val_sampled_800_1.tar",
    "diode": "diode/diode_val.tar",
}
LISTS = {
    "nyuv2": "data_split/nyu_depth/labeled/filename_list_test.txt",
    "kitti": "data_split/kitti_depth/eigen_test_files_with_gt.txt",
    "scannet": "my_lists/scannet.txt",
    "diode": "data_split/diode_depth/diode_val_all_filename_list.txt",
}
DRIVES = ("2011_09_26_drive_0002_sync", "2011_09_28_drive_0002_sync")
FRAMES = {  # part -> picture and depth of its frames
    "nyuv2": tuple(
        (f"test/{scene}/rgb_{n:04d}.png", f"test/{scene}/depth_{n:04d}.png")
        for scene, n in (
            ("kitchen_0004", 1),
            ("kitchen_0004", 2),
            ("office_0005", 9),
            ("home_0003", 14),
        )
    ),
    "kitti": tuple(
        (
            f"{d[:10]}/{d}/image_02/data/{n:010d}.png",
            f"{d}/proj_depth/groundtruth/image_02/{n:010d}.png",
        )
        for d in DRIVES
        for n in (54, 69)
    ),
    "scannet": tuple(
        (f"scene{s}/color/{n:06d}.jpg", f"scene{s}/depth/{n:06d}.png")
        for s, n in (("0406_00", 0), ("0406_02", 300), ("0088_02", 1100), ("0645_02", 800))
    ),
    "diode": tuple(
        (f"{name}.png", f"{name}_depth.npy", f"{name}_depth_mask.npy")
        for name in (
            f"{d}/scene_0002{k}/scan_00189/0002{k}_00189_{d}_200_010"
            for d in ("indoors", "outdoor")
            for k in (1, 2)
        )
    ),
}
STEPS = {"nyuv2": 1000, "kitti": 256, "scannet": 1000}


class Framed(NamedTuple):
    """A frame: its files, what it shows, and where depth was measured."""

    part: str
    files: tuple[str, ...]
    shot: Still
    measured: NDArray[np.bool_]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out the tars and the lists."""
    members: dict[str, dict[str, bytes]] = {part: {} for part in TARS}
    for each in truth(seed=seed):
        members[each.part] |= dict(zip(each.files, _contents(each), strict=True))
    shot = next(truth(seed=seed)).shot
    spare = _png(shot.rgb[..., ::-1])
    members["nyuv2"] |= {
        "train/office_0003/rgb_0003.png": spare,
        "test/home_0003/filled_0014.png": spare,
    }
    unmeasured = f"{DRIVES[0][:10]}/{DRIVES[0]}/image_02/data/0000000075.png"
    members["kitti"][unmeasured] = spare
    for part, files in members.items():
        (folder / TARS[part]).parent.mkdir(parents=True, exist_ok=True)
        _tar(folder / TARS[part], files)
        lines = [" ".join((*frame, *(["721.5377"] * (part == "kitti")))) for frame in FRAMES[part]]
        if part == "kitti":
            lines.insert(1, f"{unmeasured} None 721.5377")
            lines.append(f"{unmeasured.replace('75', '03')} None 721.5377")
        listed = folder / LISTS[part]
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def truth(*, seed: int = 0) -> Iterator[Framed]:
    """The frames by part, in the order of their lists."""
    for part, frames in FRAMES.items():
        for files in frames:
            stream = Stream(seed, "marigold", part, files[0])
            shot = still(stream, *SIZES[part], wall=9.0 if part == "kitti" else 6.0)
            places = np.arange(shot.depth.size, dtype=np.uint64).reshape(shot.depth.shape)
            lucky = mix64(places, word_of(seed, "marigold", files[0])) % np.uint64(7) > 0
            yield Framed(part, files, shot, lucky & np.isfinite(shot.depth))


def _contents(each: Framed) -> Iterator[bytes]:
    """The bytes of a frame's files, in their order."""
    picture, *_ = each.files
    yield encode_jpeg(each.shot.rgb) if picture.endswith("jpg") else _png(each.shot.rgb[..., ::-1])
    if each.part in STEPS:
        metres = np.where(each.measured, each.shot.depth, 0)
        yield _png(np.floor(metres * STEPS[each.part] + 0.5).astype(np.uint16))
    else:
        known = np.isfinite(each.shot.depth)
        yield _npy(np.where(known, each.shot.depth, 0).astype(np.float32)[..., None])
        yield _npy(each.measured.astype(np.float64))


def _png(pixels: NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(".png", np.ascontiguousarray(pixels))[1].tobytes())


def _npy(values: NDArray[Any]) -> bytes:
    data = io.BytesIO()
    np.save(data, values, allow_pickle=False)
    return data.getvalue()


def _tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as out:
        for name in sorted(files):
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(files[name])
            out.addfile(member, io.BytesIO(files[name]))
