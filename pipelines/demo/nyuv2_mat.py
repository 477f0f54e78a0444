"""The two MATLAB files of NYUv2: the labelled frames (HDF5, "v7.3") and the split (level 5)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

USERBLOCK = 512  # bytes of text that MATLAB puts before the HDF5 data


def write_labeled(
    path: Path,
    frames: dict[str, list[NDArray[Any]]],
    *,
    names: Sequence[str],
    scenes: Sequence[str],
    thick: int = 1,
) -> None:
    """Write arrays of frames, each [H, W] or [H, W, 3], and cell arrays of texts.

    thick: frames in a chunk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=USERBLOCK) as file:
        for name, listed in frames.items():
            data = np.stack([frame.transpose() for frame in listed])  # columns first
            chunks = (min(thick, len(data)), *data.shape[1:])
            file.create_dataset(
                name, data=data, chunks=chunks, compression=3, track_times=False
            ).attrs["MATLAB_class"] = np.bytes_(
                {"f": "single"}.get(data.dtype.kind, data.dtype.name)
            )
        texts = file.create_group("#refs#")
        for name, words in {"names": names, "scenes": scenes}.items():
            cells = file.create_dataset(name, (1, len(words)), h5py.ref_dtype, track_times=False)
            cells.attrs["MATLAB_class"] = np.bytes_("cell")
            for place, word in enumerate(words):
                units = np.frombuffer(word.encode("utf-16-le"), "<u2").reshape(-1, 1)
                text = texts.create_dataset(f"{name}{place}", data=units, track_times=False)
                text.attrs["MATLAB_class"] = np.bytes_("char")
                cells[0, place] = text.ref
    head = b"MATLAB 7.3 MAT-file, drawn by pipelines/demo/nyuv2.py".ljust(124) + b"\0\2IM"
    with path.open("r+b") as stream:
        stream.write(head)


def write_splits(path: Path, columns: Mapping[str, Sequence[int]], *, packed: bool = True) -> None:
    """Write columns of whole numbers as MATLAB does: float64 matrices in their smallest type."""
    head = b"MATLAB 5.0 MAT-file, drawn by pipelines/demo/nyuv2.py".ljust(124) + b"\0\1IM"
    body = b"".join(_matrix(name, values, packed) for name, values in columns.items())
    path.write_bytes(head + body)


def _matrix(name: str, values: Sequence[int], packed: bool) -> bytes:
    flags = struct.pack("<II", 6, 0)  # class double
    shape = struct.pack("<ii", len(values), 1)
    parts = (
        (6, flags),
        (5, shape),
        (1, name.encode()),
        (4, struct.pack(f"<{len(values)}H", *values)),
    )
    matrix = _element(14, b"".join(_element(kind, body) for kind, body in parts))
    if not packed:
        return matrix
    data = zlib.compress(matrix)
    return struct.pack("<II", 15, len(data)) + data


def _element(kind: int, body: bytes) -> bytes:
    """A tag and its body, filled up to 8 bytes; up to 4 bytes go into the tag."""
    if 0 < len(body) <= 4:
        return struct.pack("<HH", kind, len(body)) + body.ljust(4, b"\0")
    return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)
