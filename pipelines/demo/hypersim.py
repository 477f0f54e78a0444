"""A miniature Hypersim: three rooms in the official HDF5 files, split and camera tables.

World: +z up, asset units; camera: +x right, +y up, +z backwards. One scene has a plain camera, one
a tilted, one a shifted lens. One frame carries the real normals' defects; one excluded frame has
files, others have none; one scene of the split was never downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream, mix64, word_of

from .caster import develop, shoot
from .hypersim_light import intrinsics
from .hypersim_tables import (
    CAMERA,
    FLIP,
    HEIGHT,
    PLACES,
    WIDTH,
    lens_of,
    matrix_of,
    write_detail,
    write_tables,
)
from .places import furnished, room_camera, room_size
from .scene import Truth
from .solids import Array, dot
from .world import NOTHING, Frame, Surface

EXCLUDED = 3  # keyframes after the public ones; the first scene's first of them has files
LIT = "ai_001_001"  # the scene whose reflectance and illumination were downloaded
DEFECTIVE = "ai_001_001/1"  # the frame whose normals are flipped, zero, too long or NaN
NYU40 = {
    "wall": 1,
    "floor": 2,
    "carpet": 2,
    "ceiling": 22,
    "chair": 5,
    "couch": 6,
    "dining table": 7,
    "refrigerator": 24,
    "suitcase": 37,
    "potted plant": 40,
    "vase": 40,
    "sports ball": 40,
}  # and nobody labelled the bottles


def write(folder: Path, *, seed: int = 0, frames: int = 4) -> None:
    """Lay out evermotion_dataset/ and contrib/; `frames` public frames a scene."""
    write_tables(folder, frames)
    for name, place in PLACES.items():
        detail = folder / "evermotion_dataset/scenes" / name / "_detail"
        write_detail(detail, place)
        views = list(_views(name, seed, frames))
        rotations = [view.camera.rotation * FLIP for view in views]
        positions = [np.array(view.camera.position) / place.metres for view in views]
        _write_poses(detail / CAMERA, rotations, positions)
        with_files = views[: frames + (name == min(PLACES))]
        for view in with_files:
            _write_frame(folder, replace(view, frame=shoot(view.scene, view.camera)), seed)


def truth(*, seed: int = 0, frames: int = 4) -> Iterator[Truth]:
    """The public frames; `image` is the tonemapped preview, `id` is scene/frame number."""
    for name in PLACES:
        for view in list(_views(name, seed, frames))[:frames]:
            yield replace(view, frame=shoot(view.scene, view.camera))


def _views(name: str, seed: int, frames: int) -> Iterator[Truth]:
    """All keyframes of a scene, with an empty frame each."""
    stream, place = Stream(seed, "hypersim scene", name), PLACES[name]
    lens, size = lens_of(matrix_of(place)), room_size(stream)
    cameras = [
        replace(room_camera(stream, WIDTH, HEIGHT, size), lens=lens)
        for _ in range(frames + EXCLUDED)
    ]
    scene = furnished(stream, cameras[:frames], size, window=name != max(PLACES))
    for number, camera in enumerate(cameras):
        preview = f"images/scene_{CAMERA}_final_preview/frame.{number:04d}.tonemap.jpg"
        yield Truth(
            image=f"evermotion_dataset/scenes/{name}/{preview}",
            id=f"{name}/{number}",
            split=place.split,
            scene=scene,
            camera=camera,
            frame=NOTHING,
        )


def _write_poses(folder: Path, rotations: list[Array], positions: list[Array]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    both = {"orientations": rotations, "positions": positions}
    for kind, rows in both.items():
        with h5py.File(folder / f"camera_keyframe_{kind}.hdf5", "w") as file:
            file.create_dataset("dataset", data=np.stack(rows), track_times=False)


def _write_frame(folder: Path, shot: Truth, seed: int) -> None:
    """The HDF5 files and two previews of one frame."""
    name, number = shot.id.split("/")
    images = folder / "evermotion_dataset/scenes" / name / "images"
    stem, frame = f"frame.{int(number):04d}", shot.frame
    arrays = _geometry(shot, PLACES[name].metres, seed)
    for kind, array in arrays.items():
        _write_array(images / f"scene_{CAMERA}_geometry_hdf5/{stem}.{kind}.hdf5", array)
    _write_array(
        images / f"scene_{CAMERA}_final_hdf5/{stem}.color.hdf5", frame.rgb.astype(np.float16)
    )
    names = ("diffuse_reflectance", "diffuse_illumination") if name == LIT else ()
    for kind, array in zip(names, intrinsics(shot) if names else (), strict=True):
        _write_array(images / f"scene_{CAMERA}_final_hdf5/{stem}.{kind}.hdf5", array)
    preview = images / f"scene_{CAMERA}_final_preview"
    preview.mkdir(parents=True, exist_ok=True)
    picture = encode_jpeg(develop(frame.rgb, frame.ids > 0))
    for kind in ("color", "tonemap"):
        (preview / f"{stem}.{kind}.jpg").write_bytes(picture)


def _write_array(path: Path, array: NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "dataset", data=array, compression="gzip", compression_opts=9, track_times=False
        )


def _geometry(shot: Truth, metres: float, seed: int) -> dict[str, NDArray[np.generic]]:
    """The geometry arrays by file name, in Hypersim's units, axes and dtypes."""
    frame, seen = shot.frame, shot.frame.ids > 0
    normals = np.where(seen[..., None], frame.normals * FLIP, np.nan)
    if shot.id == DEFECTIVE:
        normals = _damaged(normals, word_of(seed, "hypersim", "normals", shot.id))
    turn = shot.camera.rotation * FLIP
    world = np.stack([dot(row, np.moveaxis(normals, -1, 0)) for row in turn], axis=-1)
    points = np.where(seen[..., None], frame.points, np.nan) / metres
    surfaces = shot.scene.surfaces
    return {
        "depth_meters": np.where(seen, frame.distance, np.nan).astype(np.float16),
        "position": points.astype(np.float16),
        "normal_cam": normals.astype(np.float16),
        "normal_world": world.astype(np.float16),
        "render_entity_id": np.where(seen, frame.ids, -1).astype(np.int16),
        "semantic": _by_surface(frame, [semantic(s) for s in surfaces]),
        "semantic_instance": _by_surface(
            frame, [k if s.thing and semantic(s) > 0 else -1 for k, s in enumerate(surfaces, 1)]
        ),
    }


def semantic(surface: Surface) -> int:
    """The NYU40 class of a surface, -1 where it has none."""
    return NYU40.get(surface.name, NYU40.get(surface.name.split("-")[0], -1))


def _by_surface(frame: Frame, values: list[int]) -> NDArray[np.int16]:
    return np.array([-1, *values], np.int16)[frame.ids]


def _damaged(normals: Array, key: int) -> Array:
    """Flip 3 % of the normals, lengthen 2 %, zero 1 % and lose 0.5 % of them."""
    words = mix64(np.arange(normals[..., 0].size, dtype=np.uint64), key)
    permille = (words % np.uint64(1000)).reshape(normals.shape[:2])
    factor = np.select(
        [permille < 30, permille < 50, permille < 60, permille < 65], [-1.0, 1.3, 0.0, np.nan], 1.0
    )
    damaged: Array = normals * factor[..., None]
    return damaged
