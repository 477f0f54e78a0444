"""A miniature DIODE: two rooms and two streets in train, one of each in val.

An eighth of the real size each way, with the published field of view. As in the real maps, the
scanner gets no echo from the sky and from a few pixels elsewhere (depth 0), and the mask also drops
pixels at depth edges over depth that is there. Masks are float64 in one scan and float32 elsewhere.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream, mix64, word_of

from .caster import develop, shoot
from .places import room, street
from .scene import Truth, lens_of

WIDTH, HEIGHT = 128, 96
LENS = lens_of(886.81 / 8, 927.06 / 8, 512 / 8, 384 / 8)
RANGE = 350.0  # metres
EDGE = 0.1  # step of depth to a neighbour, as a share of it, from which on the mask drops a pixel
WIDE = 195  # the scan whose masks are float64
SCANS = (
    ("train", "indoors", 0, 1),
    ("train", "indoors", 1, 8),
    ("train", "outdoor", 11, 90),
    ("train", "outdoor", 12, 97),
    ("val", "indoors", 19, 183),
    ("val", "outdoor", 22, WIDE),
)


def write(folder: Path, *, seed: int = 0, frames: int = 2) -> None:
    """Lay out train/ and val/; `frames` pictures a scan."""
    for shot in truth(seed=seed, frames=frames):
        picture = folder / shot.image
        picture.parent.mkdir(parents=True, exist_ok=True)
        rgb = develop(shot.frame.rgb, np.ones(shot.frame.ids.shape, bool))
        png = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))[1]
        picture.write_bytes(png.tobytes())
        depth, mask = scanned(shot, seed)
        stem = shot.image.removesuffix(".png")
        (folder / f"{stem}_depth.npy").write_bytes(_npy(depth[..., None]))
        kind = np.float64 if f"scan_{WIDE:05d}" in stem else np.float32
        (folder / f"{stem}_depth_mask.npy").write_bytes(_npy(mask.astype(kind)))


def truth(*, seed: int = 0, frames: int = 2) -> Iterator[Truth]:
    """The pictures in the order of their paths; `id` is the path without its suffix."""
    for split, domain, place, scan in SCANS:
        for number in range(frames):
            stream = Stream(seed, "diode", scan, number)
            scene, camera = (room if domain == "indoors" else street)(stream, WIDTH, HEIGHT)
            camera = replace(camera, lens=LENS)
            name = f"{place:05d}_{scan:05d}_{domain}_{10 * number:03d}_000"
            name = f"{split}/{domain}/scene_{place:05d}/scan_{scan:05d}/{name}"
            yield Truth(
                image=f"{name}.png",
                id=name,
                split=split,
                scene=scene,
                camera=camera,
                frame=shoot(scene, camera),
            )


def scanned(shot: Truth, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Metres float32[H, W], 0 without an echo, and the mask bool[H, W]."""
    depth = shot.frame.depth
    words = mix64(
        np.arange(depth.size, dtype=np.uint64).reshape(depth.shape),
        word_of(seed, "diode", "echoes", shot.id),
    )
    heard = (shot.frame.distance <= RANGE) & (words % np.uint64(200) != 0)
    metres = np.where(heard, depth, 0.0).astype(np.float32)
    return metres, heard & ~_edges(metres)


def _edges(metres: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where the depth of a pixel's right or lower neighbour is another surface's."""
    edges = np.zeros(metres.shape, np.bool_)
    for axis in (0, 1):
        step = np.abs(np.diff(metres, axis=axis))
        near = np.minimum(*(np.delete(metres, end, axis) for end in (0, -1)))
        far = (near > 0) & (step > EDGE * near)
        edges |= np.pad(far, [(0, int(k == axis)) for k in (0, 1)])
    return edges


def _npy(values: NDArray[np.generic]) -> bytes:
    data = io.BytesIO()
    np.save(data, values, allow_pickle=False)
    return data.getvalue()
