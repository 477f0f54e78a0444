"""What the entry of a row gets of each kind of label: its pictures, its texts, its facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from vbdata.errors import BadSample

from .. import own_records as own
from ..folders import cameras, depth, labelled
from . import cells, fit, pictures

if TYPE_CHECKING:
    from vbdata.core.types import FileRef

    from .pictures import Context, Draft


def add_camera(draft: Draft, about: Context) -> None:
    """Give the entry its camera: that of the recipe, or of the row. Raises BadSample."""
    camera = about.spec.camera
    if isinstance(camera, str):
        size = draft.entry.width, draft.entry.height
        found = cameras.of_value(draft.row.values.get(camera), f"column {camera}", size)
        draft.entry = replace(draft.entry, camera=found)
    elif camera:
        draft.entry = replace(draft.entry, camera=camera)


def _coding(coding: Any) -> dict[str, Any]:
    return {key: value for key, value in asdict(coding).items() if value}


def _add_depth(draft: Draft, file: FileRef, about: Context) -> None:
    pictures.add(draft, file, "depth", about)
    coding = about.spec.depth
    assert coding is not None  # ADDED is gone through for kinds that are given
    if coding.kind in depth.NEED_CAMERA and draft.entry.camera is None:
        raise BadSample("missing", f"no camera, which {coding.kind} needs")
    draft.about["depth"] = _coding(coding)
    draft.labels.append("depth")


def _add_normals(draft: Draft, file: FileRef, about: Context) -> None:
    pictures.add(draft, file, "normals", about)
    draft.about["normals"] = _coding(about.spec.normals)
    draft.labels.append("normals")


def _add_segments(draft: Draft, file: FileRef, about: Context) -> None:
    spec = about.spec.segments
    assert spec is not None  # see _add_depth
    for role in ("segments", "instances"):
        if role in about.spec.pictures:
            pictures.add(draft, file, role, about)
            pictures.read(draft, role, about)  # a null is a fault of this row
    about.root.cells.clear()  # those of rows before
    view = cells.view(draft.entry, draft.row.number, draft.about["cells"], about.root)
    legend = about.legends.of(spec, about.named)
    found = labelled.survey(about.root, view, spec, legend)
    draft.about["segments"] = found.record
    draft.entry = replace(draft.entry, classes=found.partition.facts())
    draft.labels.append("segments")


def _add_captions(draft: Draft, file: FileRef, about: Context) -> None:
    if about.spec.captions:
        said = _texts(draft.row.values, about.spec.captions, "caption")
        draft.entry = replace(draft.entry, captions=said)
        draft.labels.append("captions")


def _texts(values: Mapping[str, Any], columns: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The texts of some columns, each a text, a list of texts or nothing. Raises BadSample."""
    several: list[Any] = []
    for value in (values.get(column) for column in columns):
        several += value if isinstance(value, list) else [] if value is None else [value]
    if not several:
        raise BadSample("empty label", f"no {what}: {', '.join(columns)}")
    return own.texts(several, what)


def _add_edited(draft: Draft, file: FileRef, about: Context) -> None:
    spec = about.spec.edited
    assert spec is not None  # see _add_depth
    said = spec.said or _texts(draft.row.values, spec.instructions, "instruction")
    pictures.add(draft, file, "edited", about)
    source = draft.entry.width, draft.entry.height
    draft.about["fit"] = spec.fit
    if spec.size or not about.spec.size:
        other = pictures.sized(draft, "edited", spec.size, about)
        size = other.width, other.height
        frame = fit.frame(source, size)
        fit.covering(size, frame, spec.fit, "edited")
        if frame != source and about.spec.maps:
            detail = (
                f"{size[0]}x{size[1]}, smaller than the picture that has maps, {source[0]}x"
                f"{source[1]}: name edits in a source of their own, without depth and other maps"
            )
            raise BadSample("wrong size", detail)
        if frame != source:
            draft.about["source"] = source
            camera = draft.entry.camera and depth.scaled_camera(draft.entry.camera, source, frame)
            draft.entry = replace(draft.entry, width=frame[0], height=frame[1], camera=camera)
    draft.entry = replace(draft.entry, instructions=said)
    draft.labels.append("edited")


ADDED = {
    "depth": _add_depth,
    "normals": _add_normals,
    "segments": _add_segments,
    "captions": _add_captions,
    "edited": _add_edited,
}
