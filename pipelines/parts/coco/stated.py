"""What image records say, of many images at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import MAX_PIXELS
from vbdata.errors import BadSample

from . import scalars
from .entries import COCO, FEDERATED, Context
from .names import coco_group, file_name, own_group
from .pictures import UNKNOWN, licence
from .tables import Table

Images = Sequence[dict[str, Any]]
DIGITS = "012345678901"  # of the number of any picture


class Stated(NamedTuple):
    """A row an image. paths: of the pictures; known: whether they are COCO's own.

    plain: whether nothing is to be judged; of images that are not plain the rest says nothing.
    """

    widths: NDArray[np.int64]
    heights: NDArray[np.int64]
    licences: list[str]
    paths: list[str]
    groups: list[str]
    known: list[bool]
    plain: NDArray[np.bool_]


def stated(names: Sequence[str], images: Images, file: Table, context: Context) -> Stated:
    """What the records of some images say. names: of their entries; file: of the records."""
    widths, heights = (_whole(_values(images, key)) for key in ("width", "height"))
    fits = (widths > 0) & (heights > 0) & (widths <= MAX_PIXELS) & (heights <= MAX_PIXELS)
    fits[fits] = widths[fits] * heights[fits] <= MAX_PIXELS
    paths = context.images.found(_file_names(images))
    known = _known(names, images, context)
    groups = known
    if not all(known):
        own = [f"{context.own}:{own_group(path)}" for path in paths]
        groups = [one or other for one, other in zip(known, own, strict=True)]
    federated = [FEDERATED in image for image in images]
    return Stated(
        widths=widths,
        heights=heights,
        licences=_licences(images, file, context),
        paths=paths,
        groups=groups,
        known=[*map(bool, known)],
        plain=fits & np.array([*map(bool, paths)]) & ~np.array(federated),
    )


def _values(images: Images, key: str) -> list[Any]:
    """What records have under a key, None where they have nothing."""
    return [*map(dict.get, images, repeat(key))]


def _whole(values: Sequence[Any]) -> NDArray[np.int64]:
    """The whole numbers that values of JSON stand for, 0 for such as stand for none."""
    if {*map(type, values)} != {int} or min(values) < 0 or max(values) >= scalars.MAX_ID:
        values = [scalars.whole(value) or 0 for value in values]
    return np.array(values, np.int64)


def _file_names(images: Images) -> list[str]:
    """What names.file_name says of images, "" where it raises BadSample."""
    names = _values(images, "file_name")
    if {*map(type, names)} == {str} and all(map(str.strip, names)):
        whole = "".join(names)
        if whole.isascii() and "\0" not in whole:
            return names
    return [*map(_file_name, images)]


def _file_name(image: dict[str, Any]) -> str:
    try:
        return file_name(image)
    except BadSample:
        return ""


def _known(names: Sequence[str], images: Images, context: Context) -> list[str]:
    """The groups of COCO's own pictures, "" of others."""
    if context.ids not in ("", COCO):
        return [""] * len(images)
    ids, urls = context.ids == COCO, _values(images, "coco_url")
    before = "" if ids else _before_number(urls[0], names[0])
    if not before or {*map(len, names)} != {len(DIGITS)}:
        return [coco_group(image, ids=ids) for image in images]
    return [
        f"coco:{name}" if url == f"{before}{name}.jpg" else coco_group(image, ids=False)
        for name, url, image in zip(names, urls, images, strict=True)
    ]


def _before_number(url: Any, name: str) -> str:
    """What stands before the 12 digits of COCO's URLs, as in that of one picture.

    "" unless a URL that begins so is COCO's, whatever digits and .jpg follow.
    """
    before = url.removesuffix(f"{name}.jpg") if isinstance(url, str) else ""
    any_other = {"coco_url": f"{before}{DIGITS}.jpg"}
    return before if coco_group(any_other, ids=False) == f"coco:{DIGITS}" else ""


def _licences(images: Images, file: Table, context: Context) -> list[str]:
    if context.licence:
        return [context.licence] * len(images)
    given = _values(images, "license")
    if {*map(type, given)} == {int} and min(given) >= 0:
        return [*map(file.licenses.get, given, repeat(UNKNOWN))]
    return [licence(image, file) for image in images]
