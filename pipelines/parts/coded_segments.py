"""Segments of maps whose pixels say 256 x label + instance, as KITTI and NYUv2 have them.

A class that can be counted has a segment for each instance number; number 0 is all that nobody told
apart, a crowd. Any other class is one segment, whatever its pixels are numbered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import ClassFact, Segments
from vbdata.errors import BadSample

if TYPE_CHECKING:
    Codes = NDArray[np.integer[Any]]

INSTANCES = 256


class Kind(NamedTuple):
    """A class: its name for prompts ("" is void), and whether it can be counted."""

    name: str
    thing: bool


class Part(NamedTuple):
    """A segment: its class, its area in pixels, and the codes of its pixels."""

    name: str
    thing: bool
    crowd: bool
    area: int
    codes: list[int]


def parts(codes: Codes, kinds: Sequence[Kind], path: str) -> list[Part]:
    """The segments of a map in order of their codes; kinds: the classes by label.

    Raises BadSample if a label has no class, or if all is void.
    """
    counts = np.bincount(codes.ravel())
    found: dict[tuple[int, int], Part] = {}
    for code in np.flatnonzero(counts).tolist():
        label, instance = divmod(code, INSTANCES)
        if label >= len(kinds):
            detail = f"label {label}, known are 0 to {len(kinds) - 1}"
            raise BadSample("unknown category", detail, path)
        name, thing = kinds[label]
        if name:
            key = label, instance if thing else 0
            part = found.get(key, Part(name, thing, thing and instance == 0, 0, []))
            area = part.area + int(counts[code])
            found[key] = part._replace(area=area, codes=[*part.codes, code])
    if not found:
        raise BadSample("all invalid", "no pixel has a class", path)
    return list(found.values())


def numbers(codes: Codes, listed: Sequence[Part], path: str) -> NDArray[np.int32]:
    """The number of each pixel's segment from 1, 0 for void, in the shape of codes.

    Raises BadSample if a segment is not there.
    """
    last = max(code for part in listed for code in part.codes)
    places = np.zeros(max(int(codes.max()), last) + 1, np.int32)
    for place, part in enumerate(listed, 1):
        places[part.codes] = place
    ids = places[codes]
    seen = np.bincount(ids.ravel(), minlength=len(listed) + 1)[1:]
    if not seen.all():
        gone = listed[int(seen.argmin())]
        detail = f"{gone.name} (codes {gone.codes}) was there when it was indexed"
        raise BadSample("garbled annotation", detail, path)
    return ids


def facts(listed: Sequence[Part]) -> tuple[ClassFact, ...]:
    """What an index says of a map, by class name."""
    areas: dict[tuple[str, bool], list[int]] = {}
    for part in listed:
        known = areas.setdefault((part.name, part.thing), [])
        if part.thing and not part.crowd:
            known.append(part.area)
    return tuple(
        ClassFact(name=name, thing=thing, instances=len(found), smallest=min(found, default=0))
        for (name, thing), found in sorted(areas.items())
    )


def segments(ids: NDArray[np.int32], listed: Sequence[Part]) -> Segments:
    """The label of a map of segment numbers; what has none is void."""
    import torch

    return Segments(
        ids=torch.from_numpy(ids),
        classes=tuple(part.name for part in listed),
        things=tuple(part.thing for part in listed),
        crowds=tuple(part.crowd for part in listed),
        valid=torch.from_numpy(ids > 0),
    )
