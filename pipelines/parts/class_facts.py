"""What an index says of the classes in an image, from the segments that the image has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vbdata.core.types import ClassFact


class Seen(NamedTuple):
    """A segment of an image. thing: its class can be counted; crowd: a group that is not split."""

    name: str
    thing: bool
    crowd: bool
    area: int


def by_class(segments: Iterable[Seen]) -> tuple[ClassFact, ...]:
    """One fact for each class, by name. Instances are segments of things that are no crowds."""
    areas: dict[tuple[str, bool], list[int]] = {}
    for each in segments:
        instances = areas.setdefault((each.name, each.thing), [])
        if each.thing and not each.crowd:
            instances.append(each.area)
    return tuple(
        ClassFact(
            name=name,
            thing=thing,
            instances=len(instances),
            smallest=min(instances, default=0),
        )
        for (name, thing), instances in sorted(areas.items())
    )
