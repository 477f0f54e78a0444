"""COLMAP's text files of cameras and images, as ETH3D has them: sizes, and which image has which.

cameras.txt, a camera a line: CAMERA_ID MODEL WIDTH HEIGHT PARAMETERS. images.txt, two lines an
image: IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then its points, which may be an empty line.
Lines that begin with # are remarks. Source: COLMAP's documentation, "Output Format".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vbdata.core.images import MAX_PIXELS
from vbdata.errors import BadSample

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LONGEST = 1 << 27  # bytes of a file; images.txt has all points of all images


class Camera(NamedTuple):
    """A camera. model: such as THIN_PRISM_FISHEYE; width, height: pixels; numbers: of the model."""

    model: str
    width: int
    height: int
    numbers: tuple[float, ...]


def cameras(root: Root, path: str) -> dict[int, Camera]:
    """The cameras of a cameras.txt by id. Raises BadSample."""
    found: dict[int, Camera] = {}
    for line in _lines(root, path):
        words = line.split()
        try:
            number, width, height = int(words[0]), int(words[2]), int(words[3])
            camera = Camera(words[1], width, height, tuple(map(float, words[4:])))
        except (ValueError, IndexError) as err:
            detail = f"{line!r:.80} is no camera: {err}"
            raise BadSample("garbled annotation", detail, path) from err
        if not 0 < width * height <= MAX_PIXELS or width < 1:
            raise BadSample("out of range", f"a camera of {width}x{height} pixels", path)
        found[number] = camera
    return found


def images(root: Root, path: str) -> dict[str, int]:
    """The ids of the cameras of an images.txt, by the names of the images. Raises BadSample."""
    found: dict[str, int] = {}
    lines = iter(_lines(root, path, blank=True))
    for line in lines:
        words = line.split(maxsplit=9)
        if not words:
            continue
        try:
            found[words[9].strip()] = int(words[8])
        except (ValueError, IndexError) as err:
            detail = f"{line!r:.80} is no image: {err}"
            raise BadSample("garbled annotation", detail, path) from err
        next(lines, "")  # its points
    return found


def _lines(root: Root, path: str, *, blank: bool = False) -> list[str]:
    """The lines of a file without remarks. blank: whether empty ones are kept. Raises BadSample."""
    if root.size(path) > LONGEST:
        raise BadSample("too large", f"more than {LONGEST} bytes", path)
    text = root.read(path).decode("utf-8", "replace")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return [line for line in lines if blank or line.strip()]
