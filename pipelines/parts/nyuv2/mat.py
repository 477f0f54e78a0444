"""nyu_depth_v2_labeled.mat (HDF5, 2.8 GB), read a frame at a time, by ranges, from S3 too.

MATLAB stores columns first, so HDF5 shows every array with its axes reversed: labels are
[frame, column, row]. A cell array of texts is a row of references, each to a text's UTF-16 units.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import deflate
import numpy as np
from numpy.typing import NDArray

from vbdata.errors import BadSample, Reason
from vbdata.storage.streams import Window

from ...formats.hdf5 import DAMAGE, only_gzipped, own_dataset, refuse_holes

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

WIDTH, HEIGHT = 640, 480
ARRAYS: dict[str, tuple[str, tuple[int, ...]]] = {
    "images": ("u1", (3, WIDTH, HEIGHT)),
    "depths": ("f4", (WIDTH, HEIGHT)),
    "rawDepths": ("f4", (WIDTH, HEIGHT)),
    "labels": ("u2", (WIDTH, HEIGHT)),
    "instances": ("u1", (WIDTH, HEIGHT)),
}
MOST = 100_000  # frames, or cells
LARGEST_CHUNK = 1 << 26  # bytes
LONGEST_TEXT = 256  # UTF-16 units
BLOCK, BLOCKS = 1 << 16, 64  # small reads are served from this many cached blocks: 4 MiB


class Mat:
    """The open file, a context manager that closes it. Damaged bytes raise BadSample."""

    def __init__(self, root: Root, path: str, size: int) -> None:
        import h5py

        self.path = path
        self._stream = Ranges(root, path, size)
        with self._blamed():
            self._file = h5py.File(self._stream, "r")

    def __enter__(self) -> Mat:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def frames(self, name: str) -> int:
        """How many frames one of ARRAYS has. Raises BadSample."""
        with self._blamed():
            return len(self._array(name))

    def frame(self, name: str, number: int) -> NDArray[Any]:
        """A frame, counted from 0, of one of ARRAYS as it is stored, [..., column, row].

        Raises BadSample.
        """
        with self._blamed():
            array = self._array(name)
            if only_gzipped(array):
                return _frame(array, number)
            refuse_holes(array, self.path)
            return np.asarray(array[number])

    def texts(self, name: str) -> list[str]:
        """The texts of a cell array, such as `names` or `scenes`. Raises BadSample."""
        import h5py

        with self._blamed():
            cells = self._dataset(name)
            if h5py.check_ref_dtype(cells.dtype) is not h5py.Reference or cells.size > MOST:
                detail = f"{name}: {cells.dtype} of shape {cells.shape}, expected a cell array"
                raise BadSample("wrong dtype", detail, self.path)
            return [self._text(self._file[cell], name) for cell in cells[()].ravel()]

    def _text(self, cell: Any, name: str) -> str:
        import h5py

        own = isinstance(cell, h5py.Dataset) and not (cell.is_virtual or cell.external)
        if not own or cell.dtype != np.uint16 or cell.size > LONGEST_TEXT:
            raise BadSample("wrong dtype", f"{name}: a cell is {cell}, expected text", self.path)
        return str(cell[()].astype("<u2").tobytes().decode("utf-16-le", "replace"))

    def _array(self, name: str) -> Any:
        dtype, shape = ARRAYS[name]
        array = self._dataset(name)
        if array.dtype != np.dtype(dtype):
            detail = f"{name}: {array.dtype}, expected {np.dtype(dtype)}"
            raise BadSample("wrong dtype", detail, self.path)
        if array.shape[1:] != shape or not 0 < len(array) <= MOST:
            detail = f"{name}: {array.shape}, expected (frames, {', '.join(map(str, shape))})"
            raise BadSample("wrong size", detail, self.path)
        return array

    def _dataset(self, name: str) -> Any:
        dataset = own_dataset(self._file, name, self.path)
        if math.prod(dataset.chunks or ()) * dataset.dtype.itemsize > LARGEST_CHUNK:
            raise BadSample("out of range", f"{name}: chunks of {dataset.chunks}", self.path)
        return dataset

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Blame the file for what h5py raises, unless the storage failed."""
        try:
            yield
        except (*DAMAGE, deflate.DeflateError) as err:
            if self._stream.failure is not None:
                raise self._stream.failure from err
            reason: Reason = "truncated" if "truncated" in str(err) else "undecodable"
            raise BadSample(reason, f"HDF5: {err}", self.path) from err


def _frame(array: Any, number: int) -> NDArray[Any]:
    """A frame of an array in gzipped chunks. h5py's zlib is slow, so they are inflated here."""
    thick, *extent = array.chunks
    out = np.empty(array.shape[1:], array.dtype)
    size = math.prod(array.chunks) * array.dtype.itemsize
    for corner in product(*(range(0, n, c) for n, c in zip(out.shape, extent, strict=True))):
        skipped, packed = array.id.read_direct_chunk((number - number % thick, *corner))
        if skipped:  # this chunk was stored as it is: whoever wrote it, h5py knows
            return np.asarray(array[number])
        raw = deflate.zlib_decompress(packed, size)
        block = np.frombuffer(raw, array.dtype).reshape(array.chunks)[number % thick]
        part = out[tuple(slice(start, start + n) for start, n in zip(corner, extent, strict=True))]
        part[...] = block[tuple(slice(n) for n in part.shape)]
    return out


class Ranges(Window):
    """A file for HDF5, which reads small pieces here and there and now and then a whole chunk.

    failure: an error of the storage, which HDF5 would report as damage of the file.
    """

    def __init__(self, root: Root, path: str, size: int) -> None:
        super().__init__(self._read, size)
        self._range = partial(root.read_range, path)
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self.failure: Exception | None = None

    def _read(self, start: int, size: int) -> bytes:
        try:
            if size >= BLOCK:
                return self._range(start, size)
            first, last = start // BLOCK, (start + size - 1) // BLOCK
            data = b"".join(self._block(number) for number in range(first, last + 1))
        except (OSError, BadSample) as err:
            self.failure = err
            raise
        return data[start - first * BLOCK :][:size]

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            self._blocks[number] = self._range(number * BLOCK, BLOCK)
        self._blocks.move_to_end(number)
        if len(self._blocks) > BLOCKS:
            self._blocks.popitem(last=False)
        return self._blocks[number]
