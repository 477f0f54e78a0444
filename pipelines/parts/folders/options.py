"""The options of the reader `folders`, read and checked: all faults at once, each with its key.

What cannot be seen in a file has to be said: the kind and unit of depth, the frame and coding of
normals, the coding of segments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vbdata.errors import SourceError, choices

from .. import picture_files
from . import mattes, normals, outlines, segments
from .given import Given
from .map_options import depth_coding, normals_coding, segments_spec
from .spec import (
    CameraSpec,
    DepthSpec,
    Files,
    MatteSpec,
    NormalsSpec,
    PoseSpec,
    SegmentsSpec,
    Spec,
    TextSpec,
)

POSES = ("camera-to-world", "world-to-camera")
CODINGS = (*segments.CODINGS, *outlines.CODINGS)
UNKNOWN = "unknown"  # the scale of depth that has no unit


def specs(layouts: Sequence[Mapping[str, Any]]) -> list[Spec]:
    """The options of layouts, without those that they do not fit.

    Raises SourceError with every fault of the first, a line each, if they fit none.
    """
    results = [checked(layout) for layout in layouts]
    if not any(found for found, _ in results):
        raise SourceError("\n".join(results[0][1]))
    return [found for found, _ in results if found]


def checked(options: Mapping[str, Any]) -> tuple[Spec | None, list[str]]:
    """(options, nothing) or (None, what is wrong), a line for each fault."""
    faults: list[str] = []
    given = Given({k: v for k, v in options.items() if k != "optional"}, "", faults)
    images = given.patterns("images", 'a pattern of paths, such as "rgb/{id}.png"')
    if len(images) > 1:
        given.fault("images", "one pattern is expected")
    exif = given.text("exif")
    if exif not in (picture_files.UNSAID, *picture_files.FRAMES):
        given.fault("exif", f"{exif!r} is not a choice{choices(exif, picture_files.FRAMES)}")
    camera = _camera(given, "camera")
    plain: dict[str, Any] = {key: given.text(key) for key in ("split", "lists", "group", "licence")}
    plain["dataset"] = given.text("image_dataset")
    kinds: dict[str, Any] = {
        "depth": _depth(given, camera),
        "normals": _normals(given),
        "segments": _segments(given),
        "matte": _matte(given),
        "captions": _texts(given, "captions", ("image", "text")),
        "expressions": _texts(given, "expressions", ("image", "text", "targets")),
        "edited": _edited(given),
    }
    if kinds["expressions"] and not kinds["segments"]:
        given.fault("expressions", "needs segments, which its texts refer to")
    given.raw("preset")
    given.close()
    if faults:
        return None, faults
    optional = tuple(options.get("optional", ()))
    return Spec(images=images[0], camera=camera, exif=exif, optional=optional, **plain, **kinds), []


def _files(given: Given, what: str) -> Files:
    near = given.below("nearest")
    nearest = {key: near.number(key) for key in near.names()} or None
    if nearest and len(nearest) > 1:
        given.fault("nearest", "one part and its distance are expected")
    return Files(
        patterns=given.patterns("files", f"a pattern of paths for {what}"),
        shared=given.flag("shared"),
        nearest=nearest,
    )


def _one_file(given: Given, key: str, what: str) -> Files | None:
    """Files of another role of a kind, which several images may share; None if not given."""
    patterns = given.patterns(key)
    return Files(patterns=patterns, shared=True) if patterns else None


def _camera(above: Given, key: str) -> CameraSpec | None:
    value = above.raw(key)
    if value is None:
        return None
    if isinstance(value, list):
        numbers = above.numbers(key)
        if len(numbers) != 4 or min(numbers[:2]) <= 0:
            above.fault(key, f"{value!r:.60} should be [fx, fy, cx, cy] in pixels, or a pattern")
            return None
        fx, fy, cx, cy = numbers
        return CameraSpec(numbers=(fx, fy, cx, cy), files=None, at=(), dataset="")
    given = above.below(key)
    patterns = given.patterns("files", "[fx, fy, cx, cy] or a pattern of files")
    at, dataset = given.texts("at"), given.text("dataset")
    given.close()
    files = Files(patterns=patterns, shared=True)
    return CameraSpec(numbers=None, files=files, at=at, dataset=dataset)


def _depth(above: Given, camera: CameraSpec | None) -> DepthSpec | None:
    given = above.below("depth")
    if given.empty():
        return None
    files, own = _files(given, "depth"), _camera(given, "camera")
    metric = given.raw("scale") != UNKNOWN
    coding = depth_coding(given, known=own is not None or camera is not None, metric=metric)
    given.close()
    return DepthSpec(files=files, coding=coding, camera=own, metric=metric)


def _normals(above: Given) -> NormalsSpec | None:
    given = above.below("normals")
    if given.empty():
        return None
    files = _files(given, "normals")
    value = given.raw("frame")
    pose: PoseSpec | None = None
    frame = normals.axes_of(value)
    words = f"three of {', '.join(normals.AXES)}, one of each axis, such as [right, up, backward]"
    if value == normals.WORLD:
        pose, frame = _pose(given)
    elif "pose" in given:
        given.fault("pose", f"is for frame: {normals.WORLD}")
    if value is None:
        given.fault("frame", f"is to be set: files do not say it; {words}, opencv, opengl, world")
    elif frame is None and value != normals.WORLD:
        given.fault("frame", f"{value!r:.60} is no frame; {words}, or opencv, opengl, world")
    coding = normals_coding(given, frame)
    given.close()
    return NormalsSpec(files=files, coding=coding, pose=pose)


def _pose(above: Given) -> tuple[PoseSpec | None, tuple[str, str, str] | None]:
    """The poses of normals in world axes, and the axes of the camera that they turn."""
    given = above.below("pose")
    patterns = given.patterns("files", "a pattern of files, each with a matrix")
    turns = given.choice("turns", POSES, "files do not say which way they turn")
    axes = normals.axes_of(value := given.raw("axes"))
    if axes is None:
        what = "is to be set" if value is None else f"{value!r:.60} are no axes"
        given.fault("axes", f"{what}: those of the camera, opencv, opengl, or as for frame")
    at, dataset = given.texts("at"), given.text("dataset")
    given.close()
    files = Files(patterns=patterns, shared=True)
    return PoseSpec(files=files, to_world=turns == POSES[0], at=at, dataset=dataset), axes


def _segments(above: Given) -> SegmentsSpec | None:
    given = above.below("segments")
    if given.empty():
        return None
    instances = _one_file(given, "instances", "instances")
    found = segments_spec(given, _files(given, "segments"), instances, CODINGS)
    given.close()
    return found


def _matte(above: Given) -> MatteSpec | None:
    given = above.below("matte")
    if given.empty():
        return None
    files, channel = _files(given, "mattes"), given.text("channel")
    if channel and channel not in mattes.CHANNELS:
        given.fault(
            "channel", f"{channel!r:.60} is not a choice{choices(channel, mattes.CHANNELS)}"
        )
    given.close()
    return MatteSpec(files=files, channel=channel)


def _texts(above: Given, key: str, roles: tuple[str, ...]) -> TextSpec | None:
    given = above.below(key)
    if given.empty():
        return None
    found = TextSpec(
        files=_files(given, key), keys={role: given.text(f"{role}_key") for role in roles}
    )
    given.close()
    return found


def _edited(above: Given) -> TextSpec | None:
    given = above.below("edited")
    if given.empty():
        return None
    files = _files(given, "edited images")
    roles = ("image", "edited", "instruction")
    found = TextSpec(
        files=files,
        keys={role: given.text(f"{role}_key") for role in roles},
        said=given.texts("instruction"),
        instructions=_one_file(given, "instructions", "instructions"),
    )
    by_rows = any(pattern.text.endswith(".jsonl") for pattern in files.patterns)
    if not by_rows and bool(found.said) == bool(found.instructions):
        given.fault(
            "instruction", "is to be set: what was done, or instructions: a pattern of text files"
        )
    given.close()
    return found
