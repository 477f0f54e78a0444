"""Images of a sample as they stand in the tar: the record's own, blank inputs, masks."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from vbdata.core import images, passing
from vbdata.core.black import black_jpeg
from vbdata.core.png import encode_png
from vbdata.core.types import Geometry
from vbdata.errors import BadSample
from vbdata.machine.stages import stage


class Picture:
    """An image of a record, decoded when its pixels are first asked for, and only once.

    image: an encoded file's bytes, or uint8 RGB [H, W, 3]; file: its path below the root, for
    errors.
    """

    def __init__(self, image: bytes | images.Pixels, geometry: Geometry, file: str) -> None:
        self._image, self.geometry, self._file = image, geometry, file

    @functools.cached_property
    def pixels(self) -> images.Pixels:
        """uint8 RGB [H, W, 3] at the output size. Raises BadSample."""
        image = self._image
        with stage("decode"):
            rgb = images.decode_rgb(image, self._file) if isinstance(image, bytes) else image
            if (rgb.shape[1], rgb.shape[0]) != self.geometry.source:
                raise self._wrong_size(rgb.shape[1], rgb.shape[0])
            return images.fit_rgb(rgb, self.geometry)

    def encoded(self, kind: str) -> bytes:
        """The image as "jpg" or "png" bytes, at the output size. Raises BadSample.

        A JPEG file's own bytes, if no pixel changes and every viewer shows them as they are stored;
        else the pixels, encoded.
        """
        image = self._image
        if kind == "jpg" and isinstance(image, bytes) and images.is_jpeg(image):
            head = images.jpeg_header(image, self._file)
            if (head.width, head.height) != self.geometry.source:
                raise self._wrong_size(head.width, head.height)
            if head.plain and self.geometry.identity:
                with stage("decode"):
                    images.check_jpeg(image, self._file)
                return image
        return encode_png(self.pixels) if kind == "png" else images.encode_jpeg(self.pixels)

    def stored(self, kind: str) -> tuple[str, bytes]:
        """(kind, bytes) of the image as a target or a reference. Raises BadSample.

        kind "jpg": the file's own bytes if no pixel changes and they can stand (core.passing), else
        JPEG; "png": always PNG, the file's own or the pixels encoded, so that nothing is lost.
        """
        image = self._image
        if isinstance(image, bytes) and self.geometry.identity:
            with stage("decode"):
                found = passing.kept(image, self._file)
                if found and (kind == "jpg" or found[0] == kind):
                    self._check_size(image)
                    return found
        with stage("encode") as span:
            data = encode_png(self.pixels) if kind == "png" else images.encode_jpeg(self.pixels)
            span.bytes = len(data)
        return kind, data

    def _check_size(self, image: bytes) -> None:
        if (size := images.size(image, self._file)) != self.geometry.source:
            raise self._wrong_size(*size)

    def refuse_blank(self) -> None:
        """Raise BadSample("blank picture") if all pixels are of one colour, at the output size.

        Costs next to nothing after `encoded`.
        """
        image = self._image
        if "pixels" not in self.__dict__ and isinstance(image, bytes) and images.is_jpeg(image):
            blank = images.jpeg_of_one_colour(image, self._file)
        else:
            blank = images.one_colour(self.pixels)
        if blank:
            raise BadSample("blank picture", "all of its pixels are of one colour", self._file)

    def _wrong_size(self, width: int, height: int) -> BadSample:
        w, h = self.geometry.source
        return BadSample("wrong size", f"{width}x{height}, annotated as {w}x{h}", self._file)


@functools.lru_cache(maxsize=256)
def blank_image(width: int, height: int, kind: str) -> bytes:
    """A black image of so many pixels, as "jpg" or "png" bytes. Raises BadSample."""
    if kind == "jpg":
        return black_jpeg(width, height)
    return encode_png(np.zeros((height, width, 3), np.uint8))


def mask_png(mask: NDArray[np.bool_], sparse: bool = False) -> bytes:
    """A grey PNG of bool[H, W]: 255 where it is true, else 0. sparse: most of it is false."""
    return encode_png(mask.view(np.uint8) * np.uint8(255), sparse=sparse)


@functools.lru_cache(maxsize=256)
def full_mask(height: int, width: int) -> bytes:
    """A PNG mask of so many pixels, all of them 255."""
    return mask_png(np.ones((height, width), np.bool_))
