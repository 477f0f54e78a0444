"""Arrays out of HDF5 files from outside, and nothing but these arrays.

An HDF5 file may point at other files (external links, external storage, virtual datasets) and may
unpack to far more than its size; both are refused before a value is read. So is an array of which
parts were never written. Checksums that a file has (gzip's Adler-32, Fletcher-32) are compared.

h5py inflates under a lock and with a slow zlib. So where gzip is all that was done to a dataset's
chunks, h5py only says where they lie, and libdeflate inflates them; any other is left to h5py.
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

# What h5py raises on garbled bytes, found by flipping them; OverflowError is an absurd offset.
DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError)
NAME = "dataset"  # Hypersim: every file holds one dataset of this name


class Chunk(NamedTuple):
    """A chunk of an array. corner: index of its first value; packed: its bytes in the file."""

    corner: tuple[int, ...]
    packed: slice


def read_array(
    data: bytes, shape: tuple[int, ...], dtype: DTypeLike, file: str = ""
) -> NDArray[Any]:
    """The array "dataset" of an HDF5 file's bytes, of exactly this shape and dtype.

    file: the name for messages. Its strides follow the file: where colour planes are chunks of
    their own, they are planes in memory, too. Raises BadSample("truncated", "undecodable", "unsafe
    path", "wrong dtype", "wrong size" or "out of range").
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as opened:
            dataset = _expected(opened, shape, np.dtype(dtype), file)
            chunks = gzipped_chunks(dataset, len(data))
            if chunks is None:
                refuse_holes(dataset, file)
                return np.ascontiguousarray(dataset[()], np.dtype(dtype).newbyteorder("="))
            extent = dataset.chunks
    except DAMAGE as err:
        raise BadSample(_reason(data, str(err)), f"HDF5: {err}", file) from err
    values = _empty(shape, extent, np.dtype(dtype))
    _inflate(data, chunks, extent, values, file)
    return values


def own_dataset(opened: Any, name: str, file: str = "") -> Any:
    """The h5py.Dataset of an open h5py.File that has this name and lies in this file entirely.

    Raises BadSample: "undecodable" if there is none or it is a link, "unsafe path" if its values
    are stored in other files. A link is never followed: that would open whatever file it names.
    """
    import h5py

    link = opened.get(name, getlink=True)
    dataset = opened[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(dataset, h5py.Dataset):
        raise BadSample("undecodable", f"HDF5 file has no dataset {name!r} of its own", file)
    if dataset.is_virtual or dataset.external:
        raise BadSample("unsafe path", f"HDF5 {name}: stored in other files", file)
    return dataset


def refuse_holes(dataset: Any, file: str = "") -> None:
    """Raise BadSample("truncated") if parts of an h5py.Dataset were never written.

    HDF5 reads zeros there, as it does after a writer that was interrupted.
    """
    if dataset.chunks is None:
        there, wanted, what = dataset.id.get_storage_size(), dataset.nbytes, "bytes"
    else:
        sides = zip(dataset.shape, dataset.chunks, strict=True)
        wanted, what = math.prod(-(-n // chunk) for n, chunk in sides), "chunks"
        there = dataset.id.get_num_chunks()
    if there < wanted:
        detail = f"HDF5 {dataset.name}: {there} of {wanted} {what} were written"
        raise BadSample("truncated", detail, file)


def only_gzipped(dataset: Any) -> bool:
    """Whether an h5py.Dataset is stored in chunks, and gzip is all that was done to them."""
    import h5py

    made = dataset.id.get_create_plist()
    if dataset.chunks is None or made.get_nfilters() != 1:
        return False
    # h5py converts odd types (a float of 14 bits, say) to the nearest of NumPy's
    plain = dataset.id.get_type() == h5py.h5t.py_create(dataset.dtype)
    return bool(plain and made.get_filter(0)[0] == h5py.h5z.FILTER_DEFLATE)


def gzipped_chunks(dataset: Any, size: int) -> list[Chunk] | None:
    """All chunks of an h5py.Dataset if gzip is all that was done to them, else None.

    size: bytes of the file, in which every chunk must lie. None, too, for an array of which chunks
    are missing or stored unpacked, and for files that do not begin with HDF5's own header.
    """
    if not only_gzipped(dataset) or dataset.file.userblock_size:
        return None
    stored: list[Any] = []
    dataset.id.chunk_iter(stored.append)
    if any(s.filter_mask or s.byte_offset + s.size > size for s in stored):
        return None
    grid = product(*(range(0, n, c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)))
    if sorted(s.chunk_offset for s in stored) != list(grid):
        return None
    return [Chunk(s.chunk_offset, slice(s.byte_offset, s.byte_offset + s.size)) for s in stored]


def _expected(opened: Any, shape: tuple[int, ...], dtype: np.dtype[Any], file: str) -> Any:
    """The file's h5py.Dataset, if it is of the expected shape and type. Raises BadSample."""
    dataset = own_dataset(opened, NAME, file)
    if dataset.dtype != dtype:
        raise BadSample("wrong dtype", f"{dataset.dtype}, expected {dtype}", file)
    if dataset.shape != shape:
        raise BadSample("wrong size", f"shape {dataset.shape}, expected {shape}", file)
    if math.prod(dataset.chunks or ()) > math.prod(shape):
        raise BadSample("out of range", f"chunks {dataset.chunks} exceed the array {shape}", file)
    return dataset


def _empty(shape: tuple[int, ...], extent: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array to be filled chunk by chunk; its last axis varies slowest if chunks cut it up."""
    if extent[-1] > 1:
        return np.empty(shape, dtype)
    return np.moveaxis(np.empty((shape[-1], *shape[:-1]), dtype), 0, -1)


def _inflate(
    data: bytes, chunks: list[Chunk], extent: tuple[int, ...], values: NDArray[Any], file: str
) -> None:
    """Fill `values`. extent: the shape of every chunk, also of those that reach over the edge."""
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
