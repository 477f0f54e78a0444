"""An input and an edited image of different sizes, brought to one frame.

Editors round sizes, or answer in one of a few. So neither image is scaled up, and the frame has the
input's shape: it is the input's size, or the largest of that shape that fits into the edited image.

    crop      the edited image is scaled, both sides alike, until it covers the frame; what stands
              out is cut off, the same on both sides
    stretch   it is scaled to the frame, each side by itself

An input that is larger than the frame is scaled to it. All is by exact area averages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vbdata.core import images
from vbdata.core.types import Geometry
from vbdata.errors import BadSample

if TYPE_CHECKING:
    from vbdata.core.images import Pixels

CROP, STRETCH = "crop", "stretch"
MODES = (CROP, STRETCH)
MOST_CUT = 0.5  # of the edited image; where more would be lost, it shows something else

Size = tuple[int, int]


def frame(source: Size, edited: Size) -> Size:
    """The (width, height) of both images, from those that they have."""
    (w, h), (wide, tall) = source, edited
    if w <= wide and h <= tall:
        return source
    if wide * h <= tall * w:
        return wide, min(tall, _scaled(h, wide, w))
    return min(wide, _scaled(w, tall, h)), tall


def covering(edited: Size, wanted: Size, mode: str, path: str) -> Geometry:
    """How an edited image gets to a frame. path: for messages.

    Raises BadSample("wrong size") if it is smaller than the frame, or most of it would be cut off.
    """
    (wide, tall), (width, height) = edited, wanted
    if wide < width or tall < height:
        detail = (
            f"{wide}x{tall} is smaller than the frame {width}x{height}, and nothing is scaled up; "
            "without the option size both images are measured, as with edited.size"
        )
        raise BadSample("wrong size", detail, path)
    if mode == STRETCH:
        scaled = wanted
    elif width * tall >= height * wide:
        scaled = width, max(height, _scaled(tall, width, wide))
    else:
        scaled = max(width, _scaled(wide, height, tall)), height
    if 1 - width * height / (scaled[0] * scaled[1]) > MOST_CUT:
        detail = (
            f"{wide}x{tall} has little of the shape of {width}x{height}: more than half would be "
            "cut off; edited.fit: stretch keeps all of it"
        )
        raise BadSample("wrong size", detail, path)
    return Geometry(
        source=edited,
        scaled=scaled,
        left=(scaled[0] - width) // 2,
        top=(scaled[1] - height) // 2,
        width=width,
        height=height,
    )


def whole(source: Size, wanted: Size) -> Geometry:
    """How an input gets to the frame: scaled, nothing cut off."""
    width, height = wanted
    return Geometry(source=source, scaled=wanted, left=0, top=0, width=width, height=height)


def fitted(picture: bytes | Pixels, geometry: Geometry, path: str) -> bytes | Pixels:
    """A picture in its frame: as it is, or uint8 RGB [H, W, 3]. Raises BadSample."""
    if geometry.identity:
        return picture
    rgb = images.decode_rgb(picture, path) if isinstance(picture, bytes) else picture
    return images.fit_rgb(rgb, geometry)


def _scaled(side: int, new: int, old: int) -> int:
    """A side where another one goes from old to new: rounded half up, at least 1."""
    return max(1, (2 * side * new + old) // (2 * old))
