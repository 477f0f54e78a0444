"""Segments of maps whose pixels are N x label + instance number; in KITTI and NYUv2 N is 256.

A class that can be counted has a segment for each instance number; number 0 is everything that was
not told apart, a crowd. Any other class is one segment, whatever numbers its pixels have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.types import ClassFact
from vbdata.errors import BadSample

from .class_facts import Seen, by_class

if TYPE_CHECKING:
    Codes = NDArray[np.integer[Any]]

INSTANCES = 256  # of a label: numbers 0 to 255


class Kind(NamedTuple):
    """A class. name: as prompts say it, "" for void; thing: whether it can be counted."""

    name: str
    thing: bool


class Part(NamedTuple):
    """A segment. crowd: a group that was not told apart; area: pixels; codes: of its pixels."""

    name: str
    thing: bool
    crowd: bool
    area: int
    codes: list[int]


def parts(codes: Codes, kinds: Sequence[Kind], path: str, numbered: int = INSTANCES) -> list[Part]:
    """The segments of a map of codes, in order of their codes.

    kinds: the classes by label; path: of the map, for messages; numbered: how many numbers a label
    has. Raises BadSample: "unknown category" if a label has no class, "all invalid" if everything
    is void.
    """
    counts = np.bincount(codes.ravel())
    segments: dict[tuple[int, int], Part] = {}
    for code in np.flatnonzero(counts).tolist():
        label, instance = divmod(code, numbered)
        if label >= len(kinds):
            detail = f"label {label}, known: 0 to {len(kinds) - 1}"
            raise BadSample("unknown category", detail, path)
        name, thing = kinds[label]
        if name:
            key = label, instance if thing else 0
            part = segments.get(key, Part(name, thing, thing and instance == 0, 0, []))
            area = part.area + int(counts[code])
            segments[key] = part._replace(area=area, codes=[*part.codes, code])
    if not segments:
        raise BadSample("all invalid", "no pixel has a class", path)
    return list(segments.values())


def numbers(codes: Codes, listed: Sequence[Part], path: str) -> NDArray[np.int32]:
    """The number of each pixel's segment, from 1; 0 for void. Same shape as the codes.

    listed: the segments that were indexed. Raises BadSample("garbled annotation") if one of them is
    not in the map.
    """
    last = max(code for part in listed for code in part.codes)
    places = np.zeros(max(int(codes.max()), last) + 1, np.int32)
    for place, part in enumerate(listed, 1):
        places[part.codes] = place
    ids = places[codes]
    seen = np.bincount(ids.ravel(), minlength=len(listed) + 1)[1:]
    if not seen.all():
        gone = listed[int(seen.argmin())]
        detail = f"{gone.name} (codes {gone.codes}) was indexed but is not there"
        raise BadSample("garbled annotation", detail, path)
    return ids


def facts(listed: Sequence[Part]) -> tuple[ClassFact, ...]:
    """What an index says of a map's classes, by name."""
    return by_class(Seen(part.name, part.thing, part.crowd, part.area) for part in listed)


def segments(ids: NDArray[np.int32], listed: Sequence[Part]) -> Segments:
    """The label of a map of segment numbers, int32[H, W] as `numbers` makes it; 0 is not valid."""
    return Segments(
        ids=ids,
        classes=tuple(part.name for part in listed),
        things=tuple(part.thing for part in listed),
        crowds=tuple(part.crowd for part in listed),
        valid=ids > 0,
    )
