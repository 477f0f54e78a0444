"""Label maps as segments: which pixels are of which class, and of which instance of it.

    index, palette   a class's index at each pixel; `instances`, a second map, tells things apart
    colours          a class's colour
    ids              the number, or colour, of an object at each pixel
    voc              palette indices of classes and of objects, 255 not valid, 0 none of them

A class that can be counted (`things`) has a segment for each instance; its pixels without one are a
crowd. Any other class is one segment. Segments are numbered by code, then by instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.types import ClassFact
from vbdata.errors import BadSample

from ..class_facts import Seen, by_class
from ..maps import runs
from .names import OTHERS, shown

CODINGS = ("index", "palette", "colours", "ids", "voc")
LARGEST = 1 << 62  # of a code
STRANGE = 3  # codes without a name that a message has


class Part(NamedTuple):
    """A segment. key: of its code or instance, by which expressions name it; area: pixels."""

    name: str
    thing: bool
    crowd: bool
    key: int
    area: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """What the codes of a map mean.

    names: code -> class, OTHERS for all without a name of their own; void: codes that are not
    valid; unseen: names that are not valid; background: codes of what is known to be none of the
    classes; things: classes that can be counted, None for all.
    """

    names: Mapping[int, str]
    void: frozenset[int]
    unseen: frozenset[str]
    background: frozenset[int]
    things: frozenset[str] | None

    def is_thing(self, name: str) -> bool:
        """Whether a class can be counted."""
        return self.things is None or name in self.things


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """The segments of an image. ids: int32[H, W], 0 = none; valid: bool[H, W]; parts: in order."""

    ids: NDArray[np.int32]
    valid: NDArray[np.bool_]
    parts: tuple[Part, ...]

    def facts(self) -> tuple[ClassFact, ...]:
        """What an index says of the classes, by name."""
        return by_class(Seen(p.name, p.thing, p.crowd, p.area) for p in self.parts)

    def label(self) -> Segments:
        """The label of the image."""
        return Segments(
            ids=self.ids,
            classes=tuple(part.name for part in self.parts),
            things=tuple(part.thing for part in self.parts),
            crowds=tuple(part.crowd for part in self.parts),
            valid=self.valid,
        )


def codes(stored: NDArray[Any], coding: str, path: str) -> NDArray[np.int64]:
    """The codes of a map as it is stored, [H, W] or, of colours, [H, W, 3 or 4]: int64[H, W].

    Raises BadSample("wrong dtype") for what the coding does not have.
    """
    if stored.dtype.kind == "b":
        stored = stored.astype(np.uint8)
    if stored.dtype.kind == "f":
        if not np.isfinite(stored).all() or (stored != np.rint(stored)).any():
            raise BadSample("wrong dtype", f"{stored.dtype}s that are no whole numbers", path)
    elif stored.dtype.kind not in "iu":
        raise BadSample("wrong dtype", f"a map of {stored.dtype}", path)
    if max(abs(float(stored.max())), abs(float(stored.min()))) >= LARGEST:
        raise BadSample("out of range", f"codes of {LARGEST} and more", path)
    coloured = stored.ndim == 3
    if coloured and (coding not in ("colours", "ids") or stored.shape[2] not in (3, 4)):
        detail = f"an array {list(stored.shape)}; {coding} has one value a pixel: segments.coding"
        raise BadSample("wrong dtype", f"{detail} may be colours", path)
    if not coloured:
        if coding == "colours":
            detail = "one value a pixel, expected colours: segments.coding may be index or palette"
            raise BadSample("wrong dtype", detail, path)
        return stored.astype(np.int64)
    if stored.dtype != np.uint8:
        raise BadSample("wrong dtype", f"colours of {stored.dtype}, expected uint8", path)
    parts = stored.astype(np.int64)
    return np.asarray(parts[..., 0] + 256 * parts[..., 1] + 65536 * parts[..., 2])


def partition(
    labelled: NDArray[np.int64],
    instances: NDArray[np.int64] | None,
    coding: str,
    legend: Legend,
    path: str,
) -> Partition:
    """The segments of a map of codes. instances: a second map, of the same shape, 0 = none.

    path: of the map, for messages. Raises BadSample: "unknown category" for codes without a name,
    "all invalid" if no pixel is valid.
    """
    both = (labelled,) if instances is None else (labelled, instances)
    starts, lengths = runs(*both)
    kind = labelled.ravel()[starts]
    number = kind if instances is None else instances.ravel()[starts]
    pairs, which = np.unique(np.stack([kind, number]), axis=1, return_inverse=True)
    areas = np.bincount(which.ravel(), weights=lengths).astype(np.int64)
    _refuse_strange(pairs[0], areas, legend, path)
    places: dict[tuple[str, int], int] = {}
    parts: list[Part] = []
    ids, valid = np.zeros(len(areas), np.int32), np.ones(len(areas), np.bool_)
    for place, (code, own, area) in enumerate(zip(*pairs.tolist(), areas.tolist(), strict=True)):
        if code in legend.void or legend.names.get(code) in legend.unseen:
            valid[place] = False
        elif code not in legend.background:
            part = _part(code, own, area, coding, instances is not None, legend)
            key = part.name, part.key if part.thing and not part.crowd else -1
            if key in places:
                old = parts[places[key]]
                parts[places[key]] = old._replace(area=old.area + area)
            else:
                places[key] = len(parts)
                parts.append(part)
            ids[place] = places[key] + 1
    if not valid.any():
        raise BadSample("all invalid", "every pixel is void", path)
    numbers = np.repeat(ids[which.ravel()], lengths).reshape(labelled.shape)
    known = np.repeat(valid[which.ravel()], lengths).reshape(labelled.shape)
    return Partition(ids=numbers, valid=known, parts=tuple(parts))


def _part(code: int, own: int, area: int, coding: str, told: bool, legend: Legend) -> Part:
    """The segment of a pair of code and instance. told: whether there is a map of instances."""
    name = legend.names.get(code, legend.names.get(OTHERS, ""))
    thing = legend.is_thing(name)
    apart = coding == "ids" or (told and own > 0 and own not in legend.void)
    return Part(name, thing, thing and not apart, own if thing and apart else code, area)


def _refuse_strange(
    found: NDArray[np.int64], areas: NDArray[np.int64], legend: Legend, path: str
) -> None:
    if OTHERS in legend.names:
        return
    known = legend.names.keys() | legend.void | legend.background
    pixels: dict[int, int] = {}
    for code, area in zip(found.tolist(), areas.tolist(), strict=True):
        if code not in known:
            pixels[code] = pixels.get(code, 0) + area
    if pixels:
        most = sorted(pixels, key=lambda code: -pixels[code])[:STRANGE]
        listed = ", ".join(f"{shown(code)} at {pixels[code]} pixels" for code in most)
        detail = (
            f"{len(pixels)} codes without a name: {listed}; segments.names, segments.void or "
            "segments.background say what they are"
        )
        raise BadSample("unknown category", detail, path)
