"""Numbers of a file of any of the types that depth, normals and label maps come in.

By a file's first bytes: PNG, TIFF, BMP, NumPy's .npy and .npz, OpenEXR, PFM, DPT, HDF5, MAT of
level 5. A JPEG is refused: it does not keep values.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core import exr, images, rasters
from vbdata.core.types import Geometry
from vbdata.errors import BadSample

from ...formats import dpt, hdf5_named, mat5, npy, npz, palettes, pfm, tiff

STRETCHED = 0.05  # by which width / height of a map may differ from the picture's
KINDS = "PNG, TIFF, BMP, NPY, NPZ, EXR, PFM, DPT, HDF5 or MAT"


def numbers(
    data: bytes, file: str, dataset: str = "", channels: Sequence[str] = ()
) -> NDArray[Any]:
    """The array of a file as it is stored, [H, W] or [H, W, n].

    dataset: its name in an HDF5, NPZ or MAT, which may have several; channels: of an EXR, or which
    planes of any other array, counted from 0; file: the name for messages. A palette gives its
    indices. Axes of length 1 before H and after W are left out. Raises BadSample.
    """
    values = _read(data, file, dataset, channels)
    while values.ndim > 2 and values.shape[0] == 1:
        values = values[0]
    if channels and values.ndim == 3 and not data.startswith(exr.MAGIC):
        values = _planes(values, channels, file)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim not in (2, 3) or not values.size:
        raise BadSample("wrong dtype", f"an array {list(values.shape)}, expected [H, W]", file)
    if values.shape[0] * values.shape[1] > images.MAX_PIXELS:
        detail = f"an array {list(values.shape)}, at most {images.MAX_PIXELS} pixels"
        raise BadSample("too large", detail, file)
    return values


def _read(data: bytes, file: str, dataset: str, channels: Sequence[str]) -> NDArray[Any]:
    if data.startswith(images.PNG_MAGIC):
        return palettes.samples(data, file)
    if data.startswith(npy.MAGIC):
        return npy.array(data, file)
    if data.startswith(exr.MAGIC):
        return exr.read(data, file, channels)
    if data.startswith(hdf5_named.MAGIC):
        return hdf5_named.array(data, dataset, file)
    if data.startswith(tiff.MAGICS):
        return tiff.array(data, file)
    if data.startswith(npz.MAGIC):
        return npz.array(data, dataset, file)
    if data.startswith(mat5.MAGIC):
        return mat5.array(data, dataset, file)
    if data.startswith(dpt.MAGIC):
        return dpt.array(data, file)
    if data.startswith(pfm.MAGICS):
        return pfm.array(data, file)
    if rasters.kind(data) == "BMP":
        return _bmp(data, file)
    if images.is_jpeg(data):
        raise BadSample("undecodable", f"a JPEG, which keeps no values; expected {KINDS}", file)
    what = f"starts {data[:8].hex()}" if data else "an empty file"
    raise BadSample("undecodable" if data else "truncated", f"{what}; expected {KINDS}", file)


def _planes(values: NDArray[Any], channels: Sequence[str], file: str) -> NDArray[Any]:
    """Planes of an array [H, W, n] by their places. Raises BadSample("wrong dtype")."""
    known = [str(place) for place in range(values.shape[2])]
    if lost := [name for name in channels if name not in known]:
        detail = f"an array {list(values.shape)} without plane {lost[0]!r}; it has 0 to {known[-1]}"
        raise BadSample("wrong dtype", detail, file)
    return values[..., [int(name) for name in channels]]


def _bmp(data: bytes, file: str) -> NDArray[Any]:
    """The samples of a BMP, of a palette its indices: uint8 [H, W] or [H, W, 3]; BadSample."""
    from PIL import BmpImagePlugin

    images.size(data, file)
    try:
        with BmpImagePlugin.BmpImageFile(io.BytesIO(data)) as picture:
            if picture.mode not in ("P", "L", "RGB"):
                raise BadSample("wrong dtype", f"a BMP of kind {picture.mode}", file)
            return np.array(picture)
    except rasters.DAMAGE as err:
        raise BadSample("undecodable", f"BMP: {err or type(err).__name__}", file) from err


def fitted(
    values: NDArray[Any], size: tuple[int, int], option: str, path: str, *, resize: bool
) -> NDArray[Any]:
    """A map [..., H, W] at a picture's (width, height), each pixel that in which its centre lies.

    resize: whether a map of another size shows the same view; option: that says so, and path, for
    messages. Raises BadSample("wrong size").
    """
    (width, height), (tall, wide) = size, values.shape[-2:]
    if (wide, tall) == size:
        return values
    alike = abs(wide * height / (tall * width) - 1) <= STRETCHED
    if not resize or not alike:
        hint = f"; {option}: true if it shows the same" if alike else ", and of another shape"
        raise BadSample("wrong size", f"{wide}x{tall}, expected {width}x{height}{hint}", path)
    geometry = Geometry(source=(wide, tall), scaled=size, left=0, top=0, width=width, height=height)
    picked: NDArray[Any] = geometry.pick(values)
    return picked
