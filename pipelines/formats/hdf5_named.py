"""Datasets out of HDF5 files by name, whatever their shape: numbers, and texts that are JSON.

As in `hdf5`, no link is followed, and nothing is read that lies in other files.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import MAX_BYTES
from vbdata.errors import BadSample, choices

from . import hdf5

MAGIC = b"\x89HDF\r\n\x1a\n"
MOST_TEXT = 1 << 24  # bytes of a dataset of text
LISTED = 40  # names that a message has


def array(data: bytes, name: str = "", file: str = "") -> NDArray[Any]:
    """The numbers of a dataset, in native byte order.

    name: its path in the file; "": the only dataset at the top. file: the name for messages. Raises
    BadSample: "wrong dtype" where it is not clear which is meant or it is not of numbers,
    "truncated", "undecodable", "unsafe path" or "too large".
    """

    def numbers(dataset: Any) -> NDArray[Any]:
        if dataset.dtype.kind not in "biuf" or dataset.dtype.itemsize > 8:
            raise BadSample("wrong dtype", f"HDF5 {dataset.name}: {dataset.dtype}", file)
        _refuse_large(dataset, MAX_BYTES, file)
        hdf5.refuse_holes(dataset, file)
        return np.ascontiguousarray(dataset[()], dataset.dtype.newbyteorder("="))

    return np.asarray(_of_dataset(data, name, file, numbers))


def shape(data: bytes, name: str = "", file: str = "") -> tuple[int, ...]:
    """The shape of a dataset, without its values. Raises BadSample as `array` does."""
    found: tuple[int, ...] = _of_dataset(data, name, file, lambda dataset: dataset.shape)
    return found


def text(data: bytes, name: str, file: str = "") -> bytes:
    """A dataset that is one text, such as JSON: a string, or bytes. Raises BadSample."""

    def whole(dataset: Any) -> bytes:
        if dataset.shape not in ((), (1,)) and dataset.dtype != np.uint8:
            detail = f"HDF5 {dataset.name}: {dataset.dtype} {list(dataset.shape)}, expected a text"
            raise BadSample("wrong dtype", detail, file)
        _refuse_large(dataset, MOST_TEXT, file)
        value = dataset[()]
        value = value.tobytes() if dataset.dtype == np.uint8 else np.asarray(value).item()
        return value.encode() if isinstance(value, str) else bytes(value)

    return bytes(_of_dataset(data, name, file, whole))


def _of_dataset(data: bytes, name: str, file: str, take: Callable[[Any], Any]) -> Any:
    """What a function takes of a dataset of a file's bytes. Raises BadSample."""
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as opened:
            return take(_dataset(opened, name, file))
    except hdf5.DAMAGE as err:
        cut = not data or "truncated" in str(err)
        raise BadSample("truncated" if cut else "undecodable", f"HDF5: {err}", file) from err


def _dataset(opened: Any, name: str, file: str) -> Any:
    """The h5py.Dataset at a path, every group of which lies in the file itself."""
    import h5py

    if not name:
        tops = [n for n in opened if isinstance(opened.get(n, getlink=True), h5py.HardLink)]
        names = [n for n in tops if isinstance(opened[n], h5py.Dataset)][:LISTED]
        if len(names) != 1:
            detail = f"HDF5 with {len(names)} datasets at its top; name one{choices('', names)}"
            raise BadSample("wrong dtype", detail, file)
        (name,) = names
    *groups, last = name.strip("/").split("/")
    place = opened
    for group in groups:
        link = place.get(group, getlink=True)
        place = place[group] if isinstance(link, h5py.HardLink) else None
        if not isinstance(place, h5py.Group):
            raise BadSample("undecodable", f"HDF5 without a group {group!r} of its own", file)
    if last not in place:
        there = choices(last, list(place)[:LISTED])
        raise BadSample("wrong dtype", f"HDF5 without a dataset {name!r}{there}", file)
    found = hdf5.own_dataset(place, last, file)
    if found.shape is None:
        raise BadSample("undecodable", f"HDF5 {name}: an empty dataset, without a shape", file)
    return found


def _refuse_large(dataset: Any, most: int, file: str) -> None:
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    chunk = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
    if max(size, chunk) > most:
        detail = f"HDF5 {dataset.name}: {max(size, chunk)} bytes, at most {most}"
        raise BadSample("too large", detail, file)
