"""Five sentences about a scene, grammatical and true: counts, colours, names and places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from vbdata.core.rng import Stream

from .world import Surface

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FLOORS = {
    "floor-wood": "a wooden floor",
    "floor-tile": "a tiled floor",
    "floor-marble": "a checkered marble floor",
    "carpet": "a patterned carpet",
}
WALLS = {
    "wall-brick": "brick walls",
    "wall-tile": "tiled walls",
    "wall-wood": "wooden walls",
    "wall-concrete": "bare concrete walls",
    "wall-other": "striped wallpaper",
}


def captions(stream: Stream, seen: Iterable[Surface]) -> list[str]:
    """Captions of what is seen; now and then one has white space around it, as COCO's have."""
    surfaces = list(seen)
    where = _where({s.name for s in surfaces})
    groups = _groups([s for s in surfaces if s.thing])
    if not groups:
        return [_frayed(stream, f"{_start(where[0])}, {word}.") for word in _EMPTY]
    items, first = _listed([phrase for phrase, _ in groups]), groups[0]
    several = len(groups) > 1 or first[1] > 1
    total = sum(count for _, count in groups)
    last = stream.choice(groups)[0]
    place = f"{'on' if 'street' in where[0] else 'in'} {where[0]}"
    lines = [
        f"{_start(items)} {'stand' if several else 'stands'} on {where[1]}.",
        f"There {'are' if first[1] > 1 else 'is'} {items} {place}.",
        f"{_start(where[0])} with {items}.",
        f"A view of {last} and the rest of {where[0]}.",
        f"{_start(_number(total))} {'objects' if total > 1 else 'object'} on {where[1]}",
    ]
    return [_frayed(stream, line) for line in stream.shuffled(lines)]


def plural(name: str) -> str:
    """The plural of one of COCO's names."""
    return name + ("es" if name.endswith(("s", "ch", "sh", "x")) else "s")


def _groups(items: list[Surface]) -> list[tuple[str, int]]:
    """("two red chairs", 2) for each kind and colour, in the order of the scene."""
    counts = Counter((s.colour, s.name, s.crowd) for s in items)
    return [(_phrase(*kind, count), count) for kind, count in counts.items()]


def _phrase(colour: str, name: str, crowd: bool, count: int) -> str:
    if crowd:
        return f"a pile of {colour} {plural(name)}"
    if count > 1:
        return f"{_number(count)} {colour} {plural(name)}"
    return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {name}"


def _where(names: set[str]) -> tuple[str, str]:
    """(the place, what things stand on) as noun phrases."""
    floor = next((text for name, text in FLOORS.items() if name in names), None)
    if floor is None and not names & WALLS.keys():
        trees = " lined with trees" if "tree" in names else ""
        return f"a street{trees}", "a sunny street"
    walls = next((text for name, text in WALLS.items() if name in names), "plain walls")
    return f"a room with {walls}", floor or "the floor"


_EMPTY = ("empty", "with nothing in it", "quiet and empty", "in plain light", "deserted")


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def _listed(phrases: list[str]) -> str:
    if len(phrases) == 1:
        return phrases[0]
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def _start(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _frayed(stream: Stream, line: str) -> str:
    return stream.choice((line,) * 13 + (line + " ", " " + line, line + "\n"))
