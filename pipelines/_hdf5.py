"""One array out of an HDF5 file that somebody else wrote, and nothing more than that array.

HDF5 files may point at other files (external links, external storage, virtual datasets) and may
unpack to far more than they weigh: all of that is refused before a value is read.
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vbdata.errors import BadSample, Reason

# what h5py raises on garbled bytes (found by flipping them; OverflowError: an absurd offset)
DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError)
NAME = "dataset"  # Hypersim: every file holds one dataset of this name


def read_array(
    data: bytes, shape: tuple[int, ...], dtype: DTypeLike, file: str = ""
) -> NDArray[Any]:
    """The array `dataset` of an HDF5 file's bytes, of just this shape and type, or BadSample."""
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as opened:
            return _read(opened, shape, np.dtype(dtype), file)
    except DAMAGE as err:
        raise BadSample(_reason(data, str(err)), f"HDF5: {err}", file) from err


def _read(opened: Any, shape: tuple[int, ...], dtype: np.dtype[Any], file: str) -> NDArray[Any]:
    import h5py

    link = opened.get(NAME, getlink=True)
    found = opened[NAME] if isinstance(link, h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset):
        raise BadSample("undecodable", f"HDF5 file has no dataset {NAME!r} of its own", file)
    if found.is_virtual or found.external:
        raise BadSample("unsafe path", "HDF5 dataset that is stored in other files", file)
    if found.dtype != dtype:
        raise BadSample("wrong dtype", f"{found.dtype}, expected {dtype}", file)
    if found.shape != shape:
        raise BadSample("wrong size", f"shape {found.shape}, expected {shape}", file)
    if math.prod(found.chunks or ()) > math.prod(shape):
        raise BadSample("out of range", f"chunks {found.chunks} exceed the array {shape}", file)
    values: NDArray[Any] = np.ascontiguousarray(found[()], dtype.newbyteorder("="))
    return values


def _reason(data: bytes, message: str) -> Reason:
    return "truncated" if not data or "truncated" in message else "undecodable"
