"""Options of `folders` that the first bytes of a file show, and those that no file says."""

from __future__ import annotations

import re
from typing import Any

from vbdata.sources.found import Blank
from vbdata.sources.glimpse import Glimpse

from .places import below, is_below, joined, name
from .roles import Shape

PNG = b"\x89PNG\r\n\x1a\n"
NAMES = ("classes.txt", "labels.txt", "labelmap.txt", "label_colors.txt", "obj.names")
PACKED = {
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".npz": "NPZ",
}
DATASET = "the name of the array in the {}"
KIND = (
    "z (along the camera's axis), inverse (1 / z), ray (to the camera's centre; needs camera) or "
    "disparity (needs camera and baseline)"
)
SCALE = (
    "stored units a metre: 1 for metres, 1000 for millimetres, 256, 5000, ...; of disparity a pixel"
)
FRAME = "opencv, opengl, world (with pose), or where x, y and z point: [right, up, backward]"
FLOATS = "signed (floats from -1 to 1), unsigned (0 to 1), png8 or png16"
CODING = "index, palette, colours, ids or voc"
LISTED = "a list, {0: road}, {road: [128, 64, 128]}, or a file below the root"
BOX = re.compile(rb"^\s*\d+(?:\s+[\d.eE+-]+){4}\s*$", re.MULTILINE)
OUTLINE = re.compile(rb"^\s*\d+(?:\s+[\d.eE+-]+){6,}\s*$", re.MULTILINE)


def depth(glimpse: Glimpse, path: str, files: str) -> dict[str, Any]:
    """The options of depth. path: of one of its files; files: their pattern."""
    return {"files": files, **_array(path), **unsaid_depth(files, whole=path.endswith(".png"))}


def unsaid_depth(named: str, *, whole: bool = True) -> dict[str, Any]:
    """What no file says of depth. named: its files or column; whole: if it is in whole numbers."""
    likely = "disparity" if "disp" in named.lower() else "z"
    return {
        "scale": Blank(choices=SCALE, example="1000" if whole else "1"),
        "kind": Blank(choices=KIND, example=likely),
    }


def normals(glimpse: Glimpse, path: str, files: str) -> dict[str, Any]:
    """The options of normals, their coding by the bits of a PNG."""
    coding = {8: "png8", 16: "png16"}.get(png(glimpse, path)[0])
    return {"files": files, **_array(path), **unsaid_normals(coding)}


def unsaid_normals(coding: str | None = None) -> dict[str, Any]:
    """What no file says of normals. coding: as far as it was seen."""
    return {
        "frame": Blank(choices=FRAME, example="opencv"),
        "coding": coding or Blank(choices=FLOATS, example="signed"),
    }


def segments(glimpse: Glimpse, root: str, path: str, files: str) -> dict[str, Any] | None:
    """The options of segments; None for files that are no masks, such as boxes of YOLO."""
    if path.endswith(".txt"):
        if not OUTLINE.search(glimpse.head(path)):
            return None
        return {"files": files, "coding": "yolo-seg", "names": _names(glimpse, root)}
    if path.endswith(".json"):
        return {"files": files, "coding": "labelme"} if b'"shapes"' in ends(glimpse, path) else None
    bits, colours = png(glimpse, path)
    seen = {(8, 0): "index", (16, 0): "ids", (8, 2): "colours", (8, 6): "colours"}
    coding = seen.get((bits, colours)) or Blank(choices=CODING, example="index")
    made: dict[str, Any] = {"files": files, **_array(path), "coding": coding}
    made["names"] = _names(glimpse, root)
    return made


def are_boxes(glimpse: Glimpse, shape: Shape | None) -> bool:
    """Whether a shape's first file has lines of YOLO that are no outlines."""
    path = next(iter(shape.files.values())) if shape else ""
    return path.endswith(".txt") and bool(BOX.search(glimpse.head(path)))


def ends(glimpse: Glimpse, path: str) -> bytes:
    """The beginning of a file and its end, as far as it is on the disk."""
    return glimpse.head(path) + glimpse.tail(path, 1 << 16)


def png(glimpse: Glimpse, path: str) -> tuple[int, int]:
    """(bits, colour type) of a PNG, (0, 0) of any other file."""
    head = glimpse.head(path, 33)
    return (head[24], head[25]) if head.startswith(PNG) and len(head) > 25 else (0, 0)


def _array(path: str) -> dict[str, Any]:
    packed = next((what for end, what in PACKED.items() if path.lower().endswith(end)), "")
    if not packed:
        return {}
    return {"dataset": Blank(choices=DATASET.format(packed), example="depth")}


def _names(glimpse: Glimpse, root: str) -> Any:
    """Where the names of classes are: a usual file at the root, else to be said."""
    here = [path for path in below(glimpse.files, root) if is_below(path, root)]
    for each in NAMES:
        if joined(root, each) in here:
            return each
    for path in here:
        if name(path).endswith((".yaml", ".yml")) and b"names:" in glimpse.head(path):
            return {"files": path[len(root) + 1 if root else 0 :], "at": "names"}
    return Blank(choices=LISTED, example="{0: background, 1: road}")
