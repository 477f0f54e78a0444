"""nyu_depth_v2_labeled.mat (HDF5, 2.8 GB), read where it lies: a frame at a time, by ranges.

MATLAB stores columns first, so HDF5 shows every array with its axes reversed: labels are
[frame, column, row]. A cell array is a row of references, each to the code units of one text.
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

from ...formats.hdf5 import DAMAGE

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
LONGEST_TEXT = 256  # code units
BLOCK, BLOCKS = 1 << 16, 64  # small reads come from kept blocks: 4 MiB at most


class Mat:
    """The open file. Whatever is wrong with its bytes is a BadSample; close it after use."""

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
        """A frame of one of ARRAYS as it is stored, [..., column, row]; numbers count from 0.

        Raises BadSample.
        """
        with self._blamed():
            found = self._array(name)
            return _frame(found, number) if _gzipped(found) else np.asarray(found[number])

    def texts(self, name: str) -> list[str]:
        """A cell array of texts, such as `names` or `scenes`. Raises BadSample."""
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
        found = self._dataset(name)
        if found.dtype != np.dtype(dtype):
            detail = f"{name}: {found.dtype}, expected {np.dtype(dtype)}"
            raise BadSample("wrong dtype", detail, self.path)
        if found.shape[1:] != shape or not 0 < len(found) <= MOST:
            detail = f"{name}: {found.shape}, expected (frames, {', '.join(map(str, shape))})"
            raise BadSample("wrong size", detail, self.path)
        return found

    def _dataset(self, name: str) -> Any:
        import h5py

        link = self._file.get(name, getlink=True)
        found = self._file[name] if isinstance(link, h5py.HardLink) else None
        if not isinstance(found, h5py.Dataset):
            detail = f"HDF5 file has no dataset {name!r} of its own"
            raise BadSample("undecodable", detail, self.path)
        if found.is_virtual or found.external:
            raise BadSample("unsafe path", f"{name}: stored in other files", self.path)
        if math.prod(found.chunks or ()) * found.dtype.itemsize > LARGEST_CHUNK:
            raise BadSample("out of range", f"{name}: chunks of {found.chunks}", self.path)
        return found

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


def _frame(found: Any, number: int) -> NDArray[Any]:
    """A frame of an array in gzipped chunks. h5py's zlib is slow, so they are inflated here."""
    thick, *extent = found.chunks
    out = np.empty(found.shape[1:], found.dtype)
    size = math.prod(found.chunks) * found.dtype.itemsize
    for corner in product(*(range(0, n, c) for n, c in zip(out.shape, extent, strict=True))):
        skipped, packed = found.id.read_direct_chunk((number - number % thick, *corner))
        if skipped:
            return np.asarray(found[number])
        raw = deflate.zlib_decompress(packed, size)
        block = np.frombuffer(raw, found.dtype).reshape(found.chunks)[number % thick]
        place = out[tuple(slice(at, at + n) for at, n in zip(corner, extent, strict=True))]
        place[...] = block[tuple(slice(n) for n in place.shape)]
    return out


def _gzipped(found: Any) -> bool:
    """Whether all that was done to the chunks of an array is gzip."""
    import h5py

    made = found.id.get_create_plist()
    plain = found.id.get_type() == h5py.h5t.py_create(found.dtype)
    one = found.chunks is not None and made.get_nfilters() == 1
    return bool(one and plain and made.get_filter(0)[0] == h5py.h5z.FILTER_DEFLATE)


class Ranges(Window):
    """A file as HDF5 reads it: small pieces here and there, and now and then a chunk.

    failure: an error of the storage, which HDF5 would pass off as one of the file.
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
