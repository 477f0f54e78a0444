"""Options that say what the numbers of a map mean: of depth, of normals, of segments.

The readers `folders` and `parquet` share them: where a map is, in a file or in a column, is for
each of them to say. Every fault is noted with its key, all at once (given.Given).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vbdata.errors import BadSample

from . import depth, names, normals, outlines
from .given import Given
from .names import OTHERS, Columns
from .spec import Files, SegmentsSpec

UNIT = "stored units a metre, 1000 for millimetres, 1 for metres"


def depth_coding(given: Given, *, known: bool, metric: bool = True) -> depth.Coding:
    """What the options of depth say of its numbers.

    known: whether they have a camera; metric: whether they have a unit.
    """
    why = "z along the axis, ray to the camera's centre, disparity in pixels, or inverse (1/z)"
    kind = given.choice("kind", depth.KINDS, f"files do not say it: {why}")
    unit = (
        UNIT if kind in ("z", "ray") else f"stored units a {'pixel' if kind[0] == 'd' else '1/m'}"
    )
    coding = depth.Coding(
        scale=given.number("scale", f"files do not say their unit: {unit}") if metric else 1.0,
        kind=kind,
        invalid=given.numbers("invalid"),
        sky=given.numbers("sky"),
        most=given.number("max"),
        baseline=given.number("baseline", "metres" if kind == "disparity" else ""),
        dataset=given.text("dataset"),
        channels=given.texts("channels"),
        resize=given.flag("resize"),
        sky_from=given.number("sky_from"),
        bits=given.flag("bits"),
    )
    if kind in depth.NEED_CAMERA and not known:
        given.fault("camera", f"is to be set for {kind}: [fx, fy, cx, cy] in pixels, or a pattern")
    if kind != "disparity" and coding.baseline:
        given.fault("baseline", f"is for disparity, but kind is {kind}")
    return coding


def normals_coding(given: Given, frame: tuple[str, str, str] | None) -> normals.Coding:
    """What the options of normals say of their numbers. frame: None if it is at fault."""
    why = "floats signed (-1 to 1) or unsigned (0 to 1), or png8, png16"
    return normals.Coding(
        frame=frame or normals.FRAMES["opencv"],
        coding=given.choice("coding", normals.CODINGS, why),
        two_sided=given.flag("two_sided"),
        dataset=given.text("dataset"),
        channels=given.texts("channels"),
        resize=given.flag("resize"),
    )


def segments_spec(
    given: Given, files: Files, instances: Files | None, codings: Collection[str]
) -> SegmentsSpec:
    """What the options of segments say, but for where files, and those of instances, are."""
    coding = given.choice("coding", codings, "how a file has its classes")
    table, named, columns, text = _names(given, coding)
    void, background = _codes(given, "void", coding), _codes(given, "background", coding)
    if coding == "voc":
        void, background = void or ("255",), background or ("0",)
    if coding == "ids" and table and OTHERS in table and "background" not in given:
        given.fault("background", 'is to be set where "*" names all ids: those of no object, or []')
    told = given.raw("things")
    every = coding in ("ids", "voc", *outlines.CODINGS)
    things = None if (every and told is None) or told == "all" else frozenset(given.texts("things"))
    if instances and coding not in ("index", "palette", "colours", "voc"):
        given.fault("instances", f"is for maps of classes, but coding is {coding}")
    if coding == "voc" and not instances:
        given.fault("instances", "is to be set for voc: the pattern of SegmentationObject")
    return SegmentsSpec(
        files=files,
        coding=coding,
        instances=instances,
        table=table,
        named=named,
        columns=columns,
        text=text,
        void=void,
        background=background,
        things=things,
        dataset=given.text("dataset"),
        channels=given.texts("channels"),
        resize=given.flag("resize"),
    )


def _names(
    above: Given, coding: str
) -> tuple[Mapping[int, str] | None, Files | None, Columns, str]:
    """Names in the recipe, or files of them, with what of a file is read."""
    value = above.raw("names")
    if value is None and coding == "labelme":
        return {OTHERS: ""}, None, Columns(), ""
    if isinstance(value, str) or (isinstance(value, Mapping) and "files" in value):
        given = above.below("names")
        patterns = given.patterns("files", "a pattern of files", stem=False)
        columns = Columns(at=given.texts("at"), key=given.text("key"), name=given.text("name"))
        text = given.text("dataset")
        given.close()
        return None, Files(patterns=patterns, shared=True), columns, text
    if coding == "labelme" and isinstance(value, list):
        return dict(enumerate(map(str, value))), None, Columns(), ""
    try:
        if value is None:
            detail = "is to be set: a list, {0: road, ...}, {road: [128, 64, 128], ...} or a file"
            above.fault("names", detail)
            return {}, None, Columns(), ""
        return names.parsed(value), None, Columns(), ""
    except BadSample as bad:
        above.fault("names", bad.detail)
        return {}, None, Columns(), ""


def _codes(given: Given, key: str, coding: str) -> tuple[str, ...]:
    """Codes or names of a recipe, as texts; a colour as "R,G,B"."""
    value = given.raw(key)
    listed = [] if value is None else value if isinstance(value, list) else [value]
    if coding == "colours" and listed and all(isinstance(v, int) for v in listed):
        listed = [listed]
    return tuple(",".join(map(str, v)) if isinstance(v, list) else str(v) for v in listed)
