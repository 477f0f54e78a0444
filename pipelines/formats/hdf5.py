"""One array out of an HDF5 file that somebody else wrote, and nothing more than that array.

HDF5 files may point at other files (external links, external storage, virtual datasets) and may
unpack to far more than they weigh: all of that is refused before a value is read.

h5py inflates under a lock and with a slow zlib. So where a dataset is plainly gzipped chunks, h5py
only tells where they lie; everything out of the ordinary is read by h5py.
"""

from __future__ import annotations

import io
import math
from itertools import product
from operator import add
from typing import Any, NamedTuple

import deflate
import numpy as np
from numpy.typing import DTypeLike, NDArray

from vbdata.errors import BadSample, Reason

# what h5py raises on garbled bytes (found by flipping them; OverflowError: an absurd offset)
DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError)
NAME = "dataset"  # Hypersim: every file holds one dataset of this name


class Chunk(NamedTuple):
    """Where a chunk's values belong in the array, and where its gzipped bytes are in the file."""

    corner: tuple[int, ...]
    packed: slice


def read_array(
    data: bytes, shape: tuple[int, ...], dtype: DTypeLike, file: str = ""
) -> NDArray[Any]:
    """The array `dataset` of an HDF5 file's bytes, of just this shape and type, or BadSample.

    Its strides are those that suit the file: colour planes lie apart if they are stored apart.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as opened:
            found = _dataset(opened, shape, np.dtype(dtype), file)
            chunks = _gzipped(found, len(data))
            if chunks is None:
                return np.ascontiguousarray(found[()], np.dtype(dtype).newbyteorder("="))
            extent = found.chunks
    except DAMAGE as err:
        raise BadSample(_reason(data, str(err)), f"HDF5: {err}", file) from err
    values = _empty(shape, extent, np.dtype(dtype))
    _inflate(data, chunks, extent, values, file)
    return values


def _dataset(opened: Any, shape: tuple[int, ...], dtype: np.dtype[Any], file: str) -> Any:
    """The file's h5py.Dataset, if it is what is expected and all in this file."""
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
    return found


def _gzipped(found: Any, size: int) -> list[Chunk] | None:
    """All chunks of a dataset if gzip is all that was done to them, else None.

    size: bytes of the file, in which every chunk must lie.
    """
    import h5py

    made = found.id.get_create_plist()
    if found.chunks is None or made.get_nfilters() != 1 or found.file.userblock_size:
        return None
    # h5py converts odd types (a float of 14 bits, say) to the nearest of NumPy's
    plain = found.id.get_type() == h5py.h5t.py_create(found.dtype)
    if not plain or made.get_filter(0)[0] != h5py.h5z.FILTER_DEFLATE:
        return None
    stored: list[Any] = []
    found.id.chunk_iter(stored.append)
    if any(s.filter_mask or s.byte_offset + s.size > size for s in stored):
        return None
    grid = product(*(range(0, n, c) for n, c in zip(found.shape, found.chunks, strict=True)))
    if sorted(s.chunk_offset for s in stored) != list(grid):
        return None
    return [Chunk(s.chunk_offset, slice(s.byte_offset, s.byte_offset + s.size)) for s in stored]


def _empty(shape: tuple[int, ...], extent: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array to be filled chunk by chunk; its last axis is the slowest if chunks cut it up."""
    if extent[-1] > 1:
        return np.empty(shape, dtype)
    return np.moveaxis(np.empty((shape[-1], *shape[:-1]), dtype), 0, -1)


def _inflate(
    data: bytes, chunks: list[Chunk], extent: tuple[int, ...], values: NDArray[Any], file: str
) -> None:
    """Fill `values`. extent: shape of every chunk, also of those that reach over the edge."""
    view, size = memoryview(data), math.prod(extent) * values.itemsize
    for corner, packed in chunks:
        try:
            raw = deflate.zlib_decompress(view[packed], size)
        except deflate.DeflateError as err:
            raise BadSample("undecodable", f"HDF5: chunk at {corner}: {err}", file) from err
        if len(raw) != size:
            detail = f"HDF5: chunk at {corner} holds {len(raw)} bytes, not {size}"
            raise BadSample("undecodable", detail, file)
        place = values[tuple(map(slice, corner, map(add, corner, extent)))]
        block = np.ndarray(extent, values.dtype, raw)
        place[...] = block if place.shape == extent else block[tuple(map(slice, place.shape))]


def _reason(data: bytes, message: str) -> Reason:
    return "truncated" if not data or "truncated" in message else "undecodable"
