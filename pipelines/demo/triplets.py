"""Miniature editing triplets: rooms drawn again after an exact edit, shadows and all.

Of every room there are three: a thing gets another colour, it goes away, it comes. The three
pictures of a room are exposed as one, so what the edit leaves alone stays the same.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .caster import develop, shoot
from .patterns import COLOURS, Rgb
from .places import room
from .world import Camera, Frame, Part, Scene, Surface

SIZES = ((160, 120), (120, 160), (160, 128))
SEEN = 250  # pixels of a thing that is worth an edit
NAMES = {"sports ball": "ball", "dining table": "table", "potted plant": "plant"}
GREENERY = "potted plant"  # its colour is only that of the pot


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A triplet and what it was made of.

    input, edited: paths of images; rgb: uint8[H, W, 3] of both, before encoding; thing: number of
    the surface, from 1, that is edited, in the frame that has it (after, where it comes).
    """

    input: str
    edited: str
    instruction: str
    room: int
    thing: int
    before: Frame
    after: Frame
    rgb: tuple[NDArray[np.uint8], NDArray[np.uint8]]


def write(folder: Path, *, seed: int = 0, frames: int = 8, tars: bool = False) -> None:
    """Lay out `frames` triplets: images/ and metadata.jsonl, or with `tars` WebDataset's tars."""
    edits = list(truth(seed=seed, frames=frames))
    folder.mkdir(parents=True, exist_ok=True)
    if tars:
        _write_tar(folder / "triplets-000000.tar", edits)
        return
    (folder / "images").mkdir(exist_ok=True)
    lines = []
    for edit in edits:
        for path, rgb in zip((edit.input, edit.edited), edit.rgb, strict=True):
            (folder / path).write_bytes(encode_jpeg(rgb))
        line = {
            "original_image_file_name": edit.input,
            "edited_image_file_name": edit.edited,
            "edit_prompt": edit.instruction,
            "scene": f"room-{edit.room:03d}",
        }
        lines.append(json.dumps(line) + "\n")
    (folder / "metadata.jsonl").write_text("".join(lines), encoding="ascii")


def truth(*, seed: int = 0, frames: int = 8) -> Iterator[Edit]:
    """The triplets in the order of the lines; those of one room follow each other."""
    rooms = range(frames // 3 + 1)
    return islice((edit for number in rooms for edit in _edits(seed, number)), frames)


def _edits(seed: int, number: int) -> Iterator[Edit]:
    """The three triplets of a room: recolour, remove, add."""
    stream = Stream(seed, "triplets", number)
    scene, camera, place = _room(stream, *SIZES[number % len(SIZES)])
    thing = scene.surfaces[place]
    new = stream.choice([name for name in COLOURS if name not in (thing.colour, "white", "grey")])
    others = (*scene.surfaces[:place], *scene.surfaces[place + 1 :])
    painted = (*scene.surfaces[:place], repainted(thing, new), *scene.surfaces[place + 1 :])
    frames = [
        shoot(replace(scene, surfaces=surfaces), camera)
        for surfaces in (scene.surfaces, painted, others)
    ]
    rgbs = _developed(frames)
    paths = [f"images/{number:03d}-{kind}.jpg" for kind in ("room", "painted", "without")]
    the = _said(thing, scene)
    orders = (
        (0, 1, f"Make {the} {new}."),
        (0, 2, f"Remove {the}."),
        (2, 0, f"Add {_one(thing)}."),
    )
    for before, after, instruction in orders:
        yield Edit(
            input=paths[before],
            edited=paths[after],
            instruction=instruction,
            room=number,
            thing=place + 1,
            before=frames[before],
            after=frames[after],
            rgb=(rgbs[before], rgbs[after]),
        )


def repainted(surface: Surface, colour: str) -> Surface:
    """A thing repainted in another named colour; patterns and other materials stay."""
    old, new = COLOURS[surface.colour], COLOURS[colour]
    shade, new_shade = _darker(old), _darker(new)  # a suitcase's ribs

    def paint(part: Part) -> Part:
        look = part.paint
        if look.first != old:
            return part
        second = new_shade if look.second == shade else look.second
        return replace(part, paint=replace(look, first=new, second=second))

    return replace(surface, colour=colour, parts=tuple(map(paint, surface.parts)))


def _darker(colour: Rgb) -> Rgb:
    red, green, blue = colour
    return 0.7 * red, 0.7 * green, 0.7 * blue


def _room(stream: Stream, width: int, height: int) -> tuple[Scene, Camera, int]:
    """A room, a camera, and the place of a thing that one can point at in words."""
    while True:
        scene, camera = room(stream, width, height)
        seen = np.bincount(shoot(scene, camera).ids.ravel(), minlength=len(scene.surfaces) + 1)
        places = [
            place
            for place, surface in enumerate(scene.surfaces)
            if surface.thing
            and surface.name != GREENERY
            and seen[place + 1] >= SEEN
            and _said(surface, scene)
        ]
        if places:
            return scene, camera, stream.choice(places)


def _said(surface: Surface, scene: Scene) -> str:
    """The name of a thing, with its colour if there are more of its kind, "" if that is no help."""
    alike = [other for other in scene.surfaces if other.name == surface.name]
    if len(alike) == 1:
        return f"the {_name(surface)}"
    same = sum(other.colour == surface.colour for other in alike)
    return f"the {surface.colour} {_name(surface)}" if same == 1 else ""


def _one(surface: Surface) -> str:
    article = "an" if surface.colour[0] in "aeiou" else "a"
    return f"{article} {surface.colour} {_name(surface)}"


def _name(surface: Surface) -> str:
    return NAMES.get(surface.name, surface.name)


def _developed(frames: list[Frame]) -> list[NDArray[np.uint8]]:
    """8-bit pictures with one exposure for all."""
    rgb = np.concatenate([frame.rgb for frame in frames])
    return np.split(develop(rgb, np.ones(rgb.shape[:2], bool)), len(frames))


def _write_tar(path: Path, edits: list[Edit]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for number, edit in enumerate(edits):
            facts = json.dumps({"instruction": edit.instruction, "scene": f"room-{edit.room:03d}"})
            members = {
                "original.jpg": encode_jpeg(edit.rgb[0]),
                "edited.jpg": encode_jpeg(edit.rgb[1]),
                "json": facts.encode(),
            }
            for extension, data in members.items():
                info = tarfile.TarInfo(f"{number:06d}.{extension}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
