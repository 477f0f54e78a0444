"""Folders of one's own in miniature: two rooms and a street in the layout of Ultralytics.

images/{train,val}/*.jpg with depth/*.npy (float32 metres of planar z, 0 in the sky) and masks/*.png
(class indices, 255 where something is not labelled); data.yaml names the classes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .caster import develop, shoot
from .places import room, street
from .scene import Truth

SIZES = {"room": (96, 72), "street": (112, 64)}
VOID = 255
SKY = "sky"
UNNAMED = "sports ball"  # of the classes, the one that nobody labelled


def write(folder: Path, *, seed: int = 0, frames: int = 5) -> None:
    """Lay out images/, depth/, masks/ and data.yaml; `frames` pictures, the last of them in val."""
    shots = list(truth(seed=seed, frames=frames))
    names = classes(shots)
    for shot in shots:
        stem = Path(shot.image).relative_to("images").with_suffix("")
        rgb = develop(shot.frame.rgb, np.ones(shot.frame.ids.shape, bool))
        files = {
            shot.image: encode_jpeg(rgb),
            f"depth/{stem}.npy": npy(metres(shot)),
            f"masks/{stem}.png": grey_png(mask(shot, names)),
        }
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    listed = "".join(f"  {place}: {name}\n" for place, name in enumerate(names))
    (folder / "data.yaml").write_text(
        f"path: .\ntrain: images/train\nval: images/val\nmasks_dir: masks\nnames:\n{listed}"
    )


def truth(*, seed: int = 0, frames: int = 5) -> Iterator[Truth]:
    """The pictures in the order of their paths; `id` is the path."""
    for number in range(frames):
        place = "street" if number % 3 == 2 else "room"
        stream = Stream(seed, "folders", number)
        scene, camera = (street if place == "street" else room)(stream, *SIZES[place])
        split = "val" if number == frames - 1 else "train"
        name = f"images/{split}/{number:03d}.jpg"
        frame = shoot(scene, camera)
        yield Truth(image=name, id=name, split=split, scene=scene, camera=camera, frame=frame)


def classes(shots: list[Truth]) -> list[str]:
    """The names of the classes in the order of their indices."""
    found = {surface.name for shot in shots for surface in shot.scene.surfaces}
    return [SKY, *sorted(found - {UNNAMED})]


def metres(shot: Truth) -> NDArray[np.float32]:
    """Depth as it is stored: planar z, 0 where there is none."""
    return np.where(np.isfinite(shot.frame.depth), shot.frame.depth, 0).astype(np.float32)


def mask(shot: Truth, names: list[str]) -> NDArray[np.uint8]:
    """Class indices, VOID for things of the class that nobody labelled."""
    codes = [names.index(s.name) if s.name in names else VOID for s in shot.scene.surfaces]
    return np.array([0, *codes], np.uint8)[shot.frame.ids]


def grey_png(values: NDArray[np.uint8]) -> bytes:
    """A grey PNG of 8 bits."""
    import cv2

    return bytes(cv2.imencode(".png", values)[1].tobytes())


def npy(values: NDArray[np.generic]) -> bytes:
    """An array as a .npy file."""
    data = io.BytesIO()
    np.save(data, values, allow_pickle=False)
    return data.getvalue()
