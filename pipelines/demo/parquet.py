"""Tables of pictures in miniature: edits in the columns of MagicBrush, or pictures with labels.

Edits are those of the rooms of `triplets`: a row group a room, each with the room's number as
img_id, in data/train-00000-of-00001.parquet. Every third edited image is larger, as editors that
round sizes write it: a border of BORDER pixels, grey, stands around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg

from . import triplets
from .caster import develop
from .folders import metres
from .folders import truth as shots

TABLE = "data/train-00000-of-00001.parquet"
BORDER = 6
GREY = 128
UNITS = 1000.0  # stored depth a metre
OF_A_GROUP = 3  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A row of pictures with labels.

    rgb: uint8[H, W, 3] before encoding; depth: metres, 0 where there is none; normals: unit vectors
    in OpenCV axes, float64[H, W, 3], 0 where there is none; codes: uint8[H, W], place in `names`;
    camera: the matrix of intrinsics, row by row.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    normals: NDArray[np.float64]
    codes: NDArray[np.uint8]
    names: tuple[str, ...]
    camera: tuple[float, ...]


def write(folder: Path, *, seed: int = 0, frames: int = 6, layout: str = "edits") -> None:
    """Lay out a table of `frames` rows of one layout: edits or labels."""
    columns = edits(seed, frames) if layout == "edits" else labels(seed, frames)
    table(folder / TABLE, columns)


def table(path: Path, columns: Mapping[str, list[object]]) -> None:
    """Write a Parquet file; a column of bytes becomes image structs, as `datasets` has them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    arrays = {}
    for name, values in columns.items():
        if any(isinstance(value, bytes) for value in values):
            rows = [None if v is None else {"bytes": v, "path": None} for v in values]
            arrays[name] = pa.array(rows, kind)
        else:
            arrays[name] = pa.array(values)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(arrays), path, row_group_size=OF_A_GROUP)


def edits(seed: int, frames: int) -> dict[str, list[object]]:
    """The columns of MagicBrush."""
    rows = list(triplets.truth(seed=seed, frames=frames))
    after = [
        bordered(edit.rgb[1]) if number % 3 == 2 else edit.rgb[1]
        for number, edit in enumerate(rows)
    ]
    return {
        "img_id": [str(edit.room) for edit in rows],
        "turn_index": [number % 3 + 1 for number in range(len(rows))],
        "source_img": [png(edit.rgb[0]) for edit in rows],
        "instruction": [edit.instruction for edit in rows],
        "target_img": [png(rgb) for rgb in after],
    }


def bordered(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture with a grey border, on both sides and above and below."""
    around = ((BORDER, BORDER), (BORDER, BORDER), (0, 0))
    return np.pad(rgb, around, constant_values=GREY)


def labels(seed: int, frames: int) -> dict[str, list[object]]:
    """Pictures with depth in millimetres, normals as png8, class indices and a caption."""
    rows = list(truth(seed=seed, frames=frames))
    return {
        "rgb": [encode_jpeg(shot.rgb) for shot in rows],
        "depth": [png(stored(shot.depth)) for shot in rows],
        "normals": [png(np.rint((shot.normals + 1) / 2 * 255).astype(np.uint8)) for shot in rows],
        "mask": [png(shot.codes) for shot in rows],
        "text": [" and ".join(shot.names[k] for k in np.unique(shot.codes)) for shot in rows],
        "K": [list(shot.camera) for shot in rows],
    }


def stored(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Metres in millimetres, 0 where that does not fit into 16 bits."""
    units = np.rint(depth * UNITS)
    return np.where(units > np.iinfo(np.uint16).max, 0, units).astype(np.uint16)


def truth(*, seed: int = 0, frames: int = 6) -> Iterator[Shot]:
    """The rows of pictures with labels."""
    pictures = list(shots(seed=seed, frames=frames))
    names = ("sky", *sorted({s.name for shot in pictures for s in shot.scene.surfaces}))
    for shot in pictures:
        codes = np.array([0, *(names.index(s.name) for s in shot.scene.surfaces)], np.uint8)
        frame = shot.frame
        yield Shot(
            rgb=develop(frame.rgb, np.ones(frame.ids.shape, bool)),
            depth=metres(shot),
            normals=frame.normals,
            codes=codes[frame.ids],
            names=names,
            camera=tuple(np.linalg.inv(shot.camera.lens).ravel().tolist()),
        )


def png(values: NDArray[np.generic]) -> bytes:
    """A PNG of grey or RGB numbers of 8 or 16 bits."""
    ordered = values[..., ::-1] if values.ndim == 3 else values
    return bytes(cv2.imencode(".png", np.ascontiguousarray(ordered))[1].tobytes())
