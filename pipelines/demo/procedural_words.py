"""What can be said of a procedural scene: captions, expressions that mean one thing, and edits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vbdata.core.english import plural
from vbdata.core.rng import Stream

from .procedural_scene import (
    HUES,
    SHAPES,
    Manner,
    nearest_free,
    recoloured,
    shifted,
    stands,
)
from .scene import project
from .world import Camera, Scene, Surface

PLACES = {"room": "in a room", "field": "in a field"}
THIRDS = ("on the left", "in the middle", "on the right")
KINDS = ("recolour", "remove", "add", "move")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A visible surface. number: from 1, as in `Frame.ids`, 0 = sky; column: mean, in pixels."""

    number: int
    name: str
    colour: str
    thing: bool
    pixels: int
    column: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """An instruction and the scenes before and after it."""

    instruction: str
    before: Scene
    after: Scene


def captions(seen: list[Segment], place: str) -> tuple[str, ...]:
    """Two short sentences: the largest things from left to right, and how many there are."""
    things = [one for one in seen if one.thing]
    if not things:
        return (f"Nothing stands {PLACES[place]}.", f"An empty {place}.")
    large = sorted(things, key=lambda one: -one.pixels)[:2]
    names = [f"{_article(one.colour)} {one.colour} {one.name}" for one in things if one in large]
    rest = len(things) - len(names)
    listed = " and ".join(names) if not rest else f"{', '.join(names)} and {rest} more"
    if len(names) == 2 and names[0] == names[1]:
        listed = f"two {large[0].colour} {plural(large[0].name)}" + f" and {rest} more" * bool(rest)
    most = f"{_article(large[0].colour)} {large[0].colour} {large[0].name}"
    first, total = f"{listed} {PLACES[place]}.", len(things)
    count = (
        f"{total} things {PLACES[place]}, most of all {most}."
        if rest
        else f"A picture of {names[0]}."
    )
    return (first[0].upper() + first[1:], count[0].upper() + count[1:])


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def expressions(
    stream: Stream, seen: list[Segment], manner: Manner, least: int
) -> list[tuple[str, tuple[int, ...]]]:
    """(text, places in `seen`) of all that can be pointed at; one of them means nothing there.

    A text is kept if it fits one visible thing, however small, and that has `least` pixels.
    """
    fits: dict[str, list[int]] = {}
    for k, one in enumerate(seen):
        if one.thing:
            for text in (
                f"the {one.colour} {one.name}",
                f"the {one.name}",
                f"the {one.colour} thing",
            ):
                fits.setdefault(text, []).append(k)
    texts: list[tuple[str, tuple[int, ...]]] = [
        (text, (ks[0],)) for text, ks in fits.items() if len(ks) == 1
    ]
    for shape in SHAPES:
        alike = fits.get(f"the {shape}", [])
        if len(alike) > 1:
            texts += [(f"the leftmost {shape}", (alike[0],))]
            texts += [(f"the rightmost {shape}", (alike[-1],))]
    texts = [(text, ks) for text, ks in texts if seen[ks[0]].pixels >= least]
    hue, shape = stream.choice(manner.pairs)
    absent = f"the {hue} {shape}"
    return texts if absent in fits else [*texts, (absent, ())]


def edit(
    stream: Stream, scene: Scene, camera: Camera, seen: list[Segment], manner: Manner, least: int
) -> Edit | None:
    """One exact edit of a thing that can be named, None where nothing can."""
    pairs = [(one.colour, one.name) for one in seen if one.thing]
    able = [
        one
        for one in seen
        if one.thing and one.pixels >= least and pairs.count((one.colour, one.name)) == 1
    ]
    if not able:
        return None
    chosen = stream.choice(able)
    place, surface = chosen.number - 1, scene.surfaces[chosen.number - 1]
    the = f"the {surface.colour} {surface.name}"
    without = replace(scene, surfaces=scene.surfaces[:place] + scene.surfaces[place + 1 :])
    match stream.choice(KINDS):
        case "recolour":
            hues = [h for h in HUES if h != surface.colour and (h, surface.name) in manner.pairs]
            if hues:
                hue = stream.choice(hues)
                painted = _swapped(scene, place, recoloured(surface, hue))
                return Edit(instruction=f"Make {the} {hue}.", before=scene, after=painted)
        case "add":
            third = THIRDS[min(2, int(3 * chosen.column / camera.width))]
            one = the.replace("the", _article(surface.colour), 1)
            return Edit(instruction=f"Add {one} {third}.", before=without, after=scene)
        case "move":
            move = _moved(stream, scene, camera, place)
            if move is not None:
                there, word = move
                after = _swapped(scene, place, there)
                return Edit(instruction=f"Move {the} to the {word}.", before=scene, after=after)
    return Edit(instruction=f"Remove {the}.", before=scene, after=without)


def _swapped(scene: Scene, place: int, surface: Surface) -> Scene:
    surfaces = (*scene.surfaces[:place], surface, *scene.surfaces[place + 1 :])
    return replace(scene, surfaces=surfaces)


def _moved(stream: Stream, scene: Scene, camera: Camera, place: int) -> tuple[Surface, str] | None:
    """The thing somewhere to the side, an eighth of the picture or more from where it was."""
    surface = scene.surfaces[place]
    x, y, radius = stands(surface)
    others = [stands(s) for k, s in enumerate(scene.surfaces) if s.thing and k != place]
    old, _, _ = project(camera, (x, y, 0.5))
    for _ in range(12):
        side = stream.choice((-1, 1)) * stream.uniform(0.8, 2.5)
        new, _, _ = project(camera, (x + side, y, 0.5))
        clear = nearest_free((x + side, y, 0.0), others, radius)
        if clear and 2 < new < camera.width - 2 and abs(new - old) > camera.width / 8:
            return shifted(surface, side, 0.0), "right" if new > old else "left"
    return None
