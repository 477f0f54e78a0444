"""Folders of one's own in miniature: two rooms and a street in the layout of Ultralytics.

images/{train,val}/*.jpg with depth/*.npy (float32 metres of planar z, 0 in the sky) and masks/*.png
(class indices, 255 where something is not labelled); data.yaml names the classes. With `hdf5`, the
same pictures as BlenderProc writes them, with normals and instances.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import h5py
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
NOWHERE = 1e10  # depth of what is nothing, in Blender
UNNAMED = "sports ball"  # of the classes, the one that nobody labelled


def write(folder: Path, *, seed: int = 0, frames: int = 5, hdf5: bool = False) -> None:
    """Lay out images/, depth/, masks/ and data.yaml; `frames` pictures, the last of them in val.

    hdf5: 0.hdf5, 1.hdf5, ... as of BlenderProc instead.
    """
    shots = list(truth(seed=seed, frames=frames))
    if hdf5:
        folder.mkdir(parents=True, exist_ok=True)
        for number, shot in enumerate(shots):
            _write_hdf5(folder / f"{number}.hdf5", shot)
        return
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


def _write_hdf5(path: Path, shot: Truth) -> None:
    """A frame as BlenderProc's HdfWriter writes it: see the preset of that name."""
    frame, names = shot.frame, enumerate((s.name for s in shot.scene.surfaces), 1)
    table = json.dumps([{"idx": idx, "name": name} for idx, name in names])
    facing = frame.normals * [0.5, -0.5, -0.5] + 0.5
    arrays = {
        "colors": develop(frame.rgb, np.ones(frame.ids.shape, bool)),
        "depth": np.where(np.isfinite(frame.depth), frame.depth, NOWHERE).astype(np.float32),
        "normals": np.where((frame.ids > 0)[..., None], facing, 0).astype(np.float32),
        "instance_segmaps": frame.ids.astype(np.uint16),
    }
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip", track_times=False)
        file.create_dataset(
            "instance_attribute_maps", data=np.bytes_(table.encode()), track_times=False
        )


def grey_png(values: NDArray[np.uint8]) -> bytes:
    """A grey PNG of 8 bits."""
    import cv2

    return bytes(cv2.imencode(".png", values)[1].tobytes())


def npy(values: NDArray[np.generic]) -> bytes:
    """An array as a .npy file."""
    data = io.BytesIO()
    np.save(data, values, allow_pickle=False)
    return data.getvalue()
