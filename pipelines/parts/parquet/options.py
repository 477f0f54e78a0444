"""The options of the reader `parquet`, read and checked: all faults at once, each with its key.

What maps mean is said as in the reader `folders`, whose options of depth, normals and segments
these are, with a column in place of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vbdata.errors import SourceError, choices

from .. import picture_files
from ..folders import map_options, normals, segments
from ..folders.cameras import Camera
from ..folders.given import Given
from ..folders.spec import Files
from . import fit, grouping
from .spec import EditedSpec, Spec

ANYWHERE = Files(patterns=())  # where a column stands for files
KINDS = ("depth", "normals", "segments", "edited")  # whose options are a mapping


def spec(given: Mapping[str, Any]) -> Spec:
    """The options, read. Raises SourceError with every fault, a line each."""
    found, faults = checked(given)
    if found is None:
        raise SourceError("\n".join(faults))
    return found


def checked(values: Mapping[str, Any]) -> tuple[Spec | None, list[str]]:
    """(options, nothing) or (None, what is wrong), a line for each fault."""
    faults: list[str] = []
    given = Given(values, "", faults)
    pictures = {"image": given.text("image")}
    if not pictures["image"]:
        given.fault("image", "is to be set: the column of the pictures")
    exif = given.text("exif")
    if exif not in (picture_files.UNSAID, *picture_files.FRAMES):
        given.fault("exif", f"{exif!r} is not a choice{choices(exif, picture_files.FRAMES)}")
    camera = _camera(given)
    plain: dict[str, Any] = {key: given.text(key) for key in ("split", "group", "licence")}
    if wrong := grouping.fault(plain["group"]):
        given.fault("group", wrong)
    plain["files"] = given.patterns("files", stem=False)
    plain["captions"], plain["size"] = given.texts("captions"), _size(given)
    kinds = {
        "depth": _depth(given, pictures, known=camera is not None),
        "normals": _normals(given, pictures),
        "segments": _segments(given, pictures),
        "edited": _edited(given, pictures),
    }
    given.raw("preset")
    given.close()
    if faults:
        return None, faults
    return Spec(pictures=pictures, camera=camera, exif=exif, **plain, **kinds), []


def _column(given: Given, pictures: dict[str, str], role: str) -> None:
    pictures[role] = given.text("column")
    if not pictures[role]:
        given.fault("column", f"is to be set: the column of {role}")


def _size(given: Given) -> tuple[str, ...]:
    columns = given.texts("size")
    if columns and len(columns) != 2:
        given.fault("size", f"{list(columns)!r:.60}: two columns are expected, [width, height]")
    return columns


def _camera(given: Given) -> Camera | str | None:
    if isinstance(given.raw("camera"), str):
        return given.text("camera")
    numbers = given.numbers("camera")
    if not numbers:
        return None
    if len(numbers) != 4 or min(numbers[:2]) <= 0:
        given.fault("camera", "should be [fx, fy, cx, cy] in pixels, or a column of such lists")
        return None
    fx, fy, cx, cy = numbers
    return fx, fy, cx, cy


def _depth(above: Given, pictures: dict[str, str], *, known: bool) -> Any:
    given = above.below("depth", "column")
    if given.empty():
        return None
    _column(given, pictures, "depth")
    coding = map_options.depth_coding(given, known=known)
    given.close()
    return coding


def _normals(above: Given, pictures: dict[str, str]) -> Any:
    given = above.below("normals", "column")
    if given.empty():
        return None
    _column(given, pictures, "normals")
    value = given.raw("frame")
    frame = normals.axes_of(value)
    if frame is None:
        words = f"three of {', '.join(normals.AXES)}, one of each axis, or opencv, opengl"
        what = "is to be set: files do not say it" if value is None else f"{value!r:.60} is none"
        more = "; poses, which it needs, are read by folders" if value == normals.WORLD else ""
        given.fault("frame", f"{what}; {words}{more}")
    coding = map_options.normals_coding(given, frame)
    given.close()
    return coding


def _segments(above: Given, pictures: dict[str, str]) -> Any:
    given = above.below("segments", "column")
    if given.empty():
        return None
    _column(given, pictures, "segments")
    told = given.text("instances")
    if told:
        pictures["instances"] = told
    found = map_options.segments_spec(given, ANYWHERE, ANYWHERE if told else None, segments.CODINGS)
    if found.named and (len(found.named.patterns) != 1 or found.named.patterns[0].names):
        given.fault("names", "one file for all rows is expected, or the names themselves")
    given.close()
    return found


def _edited(above: Given, pictures: dict[str, str]) -> EditedSpec | None:
    given = above.below("edited", "column")
    if given.empty():
        return None
    _column(given, pictures, "edited")
    mode = given.text("fit") or fit.CROP
    if mode not in fit.MODES:
        given.fault("fit", f"{mode!r} is not a choice{choices(mode, fit.MODES)}")
    found = EditedSpec(
        instructions=given.texts("instructions"),
        said=given.texts("instruction"),
        fit=mode,
        size=_size(given),
    )
    if bool(found.said) == bool(found.instructions):
        detail = "is to be set: the column of what was done, or instruction: a text for every row"
        given.fault("instructions", detail)
    given.close()
    return found
