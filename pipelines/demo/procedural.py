"""Write procedural scenes in the layout of procedural.py; any number of them, any split."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

from .caster import GAMMA, shoot
from .procedural_scene import MANNERS, scene
from .procedural_words import Segment, captions, edit, expressions
from .world import Camera, Frame, Scene

SIZE = 32
LEAST = 12  # pixels of a thing that is spoken of
SKY = "sky"
CURVE = np.array([((k + 0.5) / 255) ** GAMMA for k in range(255)])
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A written scene. image, edited: uint8[S, S, 3]; ids: uint8[S, S], k = segments[k - 1].

    depth: float32[S, S] metres, inf = sky; normals: float32[S, S, 3], OpenCV axes, 0 = sky;
    edited is None where there is no instruction.
    """

    id: str
    camera: tuple[float, float, float, float]
    segments: tuple[Segment, ...]
    captions: tuple[str, ...]
    expressions: tuple[tuple[str, tuple[int, ...]], ...]
    instruction: str
    image: Pixels
    edited: Pixels
    depth: NDArray[np.float32]
    normals: NDArray[np.float32]
    ids: Pixels


def write(
    folder: Path,
    *,
    seed: int = 0,
    counts: Mapping[str, int] | None = None,
    size: int = SIZE,
    workers: int = 1,
) -> None:
    """Lay out some scenes of some splits (six of each); workers: processes, if many are wanted."""
    for split, count in (counts or dict.fromkeys(MANNERS, 6)).items():
        shots = _shots(partial(shot, seed, split, size=size), count, workers)
        (folder / split).mkdir(parents=True, exist_ok=True)
        for name in ("image", "edited", "depth", "normals", "ids"):
            np.save(folder / split / f"{name}.npy", np.stack([getattr(s, name) for s in shots]))
        lines = [json.dumps(_line(one)) + "\n" for one in shots]
        (folder / split / "scenes.jsonl").write_text("".join(lines), encoding="ascii")


def _shots(draw: Callable[[int], Shot], count: int, workers: int) -> list[Shot]:
    if workers == 1:
        return list(map(draw, range(count)))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(pool.map(draw, range(count), chunksize=32))


def truth(*, seed: int = 0, split: str = "train", count: int = 6) -> Iterator[Shot]:
    """The scenes of a split in order."""
    return (shot(seed, split, number) for number in range(count))


def shot(seed: int, split: str, number: int, size: int = SIZE) -> Shot:
    """One scene, and an edit of it; the picture with labels is the one before the edit."""
    stream, manner = Stream(seed, "procedural", split, number), MANNERS[split]
    while True:
        world, camera = scene(stream, manner, size)
        frame = shoot(world, camera)
        seen = _seen(world, frame)
        if any(one.thing and one.pixels >= LEAST for one in seen):
            break
    change = edit(stream, world, camera, seen, manner, LEAST)
    if change is not None and change.before is not world:
        world, frame = change.before, shoot(change.before, camera)
        seen = _seen(world, frame)
    after = frame if change is None else shoot(change.after, camera)
    image, edited = _exposed([frame, after], stream.uniform(0.55, 1.1))
    place = {one.number: k for k, one in enumerate(seen, 1)}
    table = np.array([place.get(k, 0) for k in range(len(world.surfaces) + 1)], np.uint8)
    return Shot(
        id=f"{split}/{number:06d}",
        camera=_intrinsics(camera),
        segments=tuple(seen),
        captions=captions([one for one in seen if one.pixels >= LEAST], world.place),
        expressions=tuple(expressions(stream, seen, manner, LEAST)),
        instruction="" if change is None else change.instruction,
        image=image,
        edited=edited,
        depth=frame.depth.astype(np.float32),
        normals=frame.normals.astype(np.float32),
        ids=table[frame.ids],
    )


def _seen(world: Scene, frame: Frame) -> list[Segment]:
    """What is visible: stuff and sky first, then things from left to right."""
    segments = []
    for number in np.unique(frame.ids).tolist():
        surface = world.surfaces[number - 1] if number else None
        columns = np.nonzero(frame.ids == number)[1]
        segments.append(
            Segment(
                number=number,
                name=surface.name if surface else SKY,
                colour=surface.colour if surface else "",
                thing=bool(surface and surface.thing),
                pixels=len(columns),
                column=float(columns.mean()),
            )
        )
    return sorted(segments, key=lambda one: (one.thing, one.column if one.thing else one.number))


def _exposed(frames: list[Frame], bright: float) -> list[Pixels]:
    """8-bit pictures of one exposure: the 90th percentile of the first comes out at `bright`."""
    first = frames[0].rgb.astype(np.float64)
    light = 0.3 * first[..., 0] + 0.59 * first[..., 1] + 0.11 * first[..., 2]
    scale = (0.8 * bright) ** GAMMA / max(float(np.percentile(light, 90)), 1e-4)
    return [
        np.searchsorted(CURVE, frame.rgb.astype(np.float64) * scale, side="right").astype(np.uint8)
        for frame in frames
    ]


def _intrinsics(camera: Camera) -> tuple[float, float, float, float]:
    fx, fy = 1 / camera.lens[0, 0], 1 / camera.lens[1, 1]
    return float(fx), float(fy), float(-camera.lens[0, 2] * fx), float(-camera.lens[1, 2] * fy)


def _line(one: Shot) -> dict[str, object]:
    return {
        "id": one.id,
        "camera": one.camera,
        "segments": [
            {"name": s.name, "colour": s.colour, "thing": s.thing, "pixels": s.pixels}
            for s in one.segments
        ],
        "captions": one.captions,
        "expressions": [{"text": text, "targets": ks} for text, ks in one.expressions],
        "instruction": one.instruction,
    }
