"""A miniature ETH3D: balls before a wall in two scenes, depth as raw numbers named .JPG.

A sixtieth of the real size. One scene has two cameras, of which the second was turned on its side;
a tenth of the pixels has depth, the others are infinite.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream, mix64, word_of

from .balls import Still, still

SIZES = {1: (100, 66), 2: (66, 100)}  # of the cameras
FRAMES = {  # scene -> name -> camera
    "courtyard": {"DSC_0286": 1, "DSC_0287": 1},
    "pipes": {"DSC_0634": 1, "DSC_0635": 2},
}
SHARE = 10  # of the pixels that have no depth, for one that has


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out the scenes' images/, dslr_calibration_jpg/ and ground_truth_depth/."""
    for scene, frames in FRAMES.items():
        calibration = folder / scene / "dslr_calibration_jpg"
        calibration.mkdir(parents=True)
        used = sorted(set(frames.values()))
        lines = [
            f"{n} THIN_PRISM_FISHEYE {SIZES[n][0]} {SIZES[n][1]} 90 90 50 33" + " 0" * 8
            for n in used
        ]
        (calibration / "cameras.txt").write_text("\n".join(["# Camera list", *lines, ""]))
        lines = [
            f"{k} 1 0 0 0 0 0 0 {n} dslr_images/{name}.JPG\n0.5 0.5 -1"
            for k, (name, n) in enumerate(frames.items())
        ]
        (calibration / "images.txt").write_text("\n".join(["# Image list", *lines, ""]))
    for scene, name, shot, depth in truth(seed=seed):
        for what, data in (
            ("images", encode_jpeg(shot.rgb)),
            ("ground_truth_depth", depth.tobytes()),
        ):
            place = folder / scene / what / "dslr_images"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{name}.JPG").write_bytes(data)


def truth(*, seed: int = 0) -> Iterator[tuple[str, str, Still, NDArray[np.float32]]]:
    """(scene, name, what it shows, metres with inf where nothing was measured)."""
    for scene, frames in FRAMES.items():
        for name, camera in frames.items():
            shot = still(Stream(seed, "eth3d", scene, name), *SIZES[camera])
            places = np.arange(shot.depth.size, dtype=np.uint64).reshape(shot.depth.shape)
            seen = mix64(places, word_of(seed, "eth3d", scene, name)) % np.uint64(SHARE) == 0
            yield scene, name, shot, np.where(seen, shot.depth, np.inf).astype("<f4")
