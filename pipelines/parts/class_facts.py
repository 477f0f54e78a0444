"""What an index says of the classes in an image, from the segments that the image has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vbdata.core import slots
from vbdata.core.types import ClassFact


class Seen(NamedTuple):
    """A segment of an image. thing: its class can be counted; crowd: a group that is not split."""

    name: str
    thing: bool
    crowd: bool
    area: int


def by_class(segments: Iterable[Seen]) -> tuple[ClassFact, ...]:
    """One fact for each class, by name. Instances are segments of things that are no crowds.

    segments: all of the label, in its order.
    """
    parts: dict[tuple[str, bool], list[tuple[int, int]]] = {}
    for place, each in enumerate(segments):
        counted = each.thing and not each.crowd
        of_class = parts.setdefault((each.name, each.thing), [])
        of_class.append((place, each.area if counted else -1))
    return tuple(fact(name, thing, listed) for (name, thing), listed in sorted(parts.items()))


def fact(name: str, thing: bool, parts: list[tuple[int, int]]) -> ClassFact:
    """The fact of a class. parts: the place of each of its segments, and its area or -1."""
    areas = [area for _, area in parts if area >= 0]
    smallest = min(areas) if areas else 0
    return ClassFact(
        name=name, thing=thing, instances=len(areas), smallest=smallest, parts=tuple(parts)
    )


def many(**columns: Sequence[object]) -> list[ClassFact]:
    """Facts of columns: all fields of ClassFact, by name."""
    (count,) = {len(column) for column in columns.values()}
    return slots.many(ClassFact, count, columns)
