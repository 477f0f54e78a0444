"""A miniature Virtual KITTI 2: two streets, each in three variations, seen by a pair of cameras.

A quarter of the real size. Fog is drawn over the same scene, 15-deg-left turns the camera. Every
street has cars, vans and trucks with tracks, a car without one, a wall that is Misc and a bench
that is Undefined. trackIDs have a gap, as official ones do. Every frame but the last of a drive has
its flow to the next one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .caster import develop, shoot
from .scene import Truth, lens_of, looking
from .vkitti2_street import COLORS, OFFICIAL, street, tracks_of
from .world import Camera, Frame, Scene

WIDTH, HEIGHT = 310, 94
FOCUS = (181.2522, 181.2522, 154.5, 46.5)  # fx, fy, cx, cy in pixels
SCENES = ("Scene01", "Scene20")
VARIATIONS = {"15-deg-left": -15.0, "clone": 0.0, "fog": 0.0}  # degrees to the right
BASELINE = 0.532725  # metres between the cameras
STEP = 1.2  # metres driven between two frames
FOG = 25.0  # metres at which half of the light is fog's
SKY = 65535
NEAR = 0.2  # metres in front of the next camera below which nothing has a flow

KINDS = ("rgb", "depth", "classSegmentation", "instanceSegmentation", "forwardFlow", "textgt")
BOX = (
    "frame cameraID trackID left right top bottom number_pixels"
    " truncation_ratio occupancy_ratio isMoving"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A frame's labels. depth: uint16[H, W] centimetres; classes: uint8[H, W], rows of COLORS.

    instances: uint8[H, W], trackID + 1, 0 for none; tracks: trackID -> class, of those in view.
    """

    depth: NDArray[np.uint16]
    classes: NDArray[np.uint8]
    instances: NDArray[np.uint8]
    tracks: dict[int, str]


def write(folder: Path, *, seed: int = 0, frames: int = 2, trees: bool = False) -> None:
    """Lay out `frames` stereo pairs a variation, in one tree or in a tree for each download."""
    tops = {kind: folder / f"vkitti_2.0.3_{kind}" if trees else folder for kind in KINDS}
    boxes: dict[str, list[str]] = {}
    for shot in truth(seed=seed, frames=frames):
        name, camera, number = shot.id.rsplit("/", 2)
        labels = annotation(shot)
        pictures = _pictures(shot, labels)
        if int(number) + 1 < frames:  # from the last one nothing leads on
            pictures["forwardFlow"] = ("flow_{}.png", _png(flow(shot)[..., ::-1]))
        for kind, (stem, data) in pictures.items():
            file = tops[kind] / name / "frames" / kind / camera / stem.format(number)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        if name not in boxes:
            _write_texts(tops["textgt"] / name, shot.scene, frames)
        boxes.setdefault(name, []).extend(_boxes(labels, int(number), int(camera[-1])))
    for name, lines in boxes.items():
        _write_lines(tops["textgt"] / name / "bbox.txt", [BOX, *lines])


def truth(*, seed: int = 0, frames: int = 2) -> Iterator[Truth]:
    """All frames in the order of their ids; `split` is the variation."""
    for name in SCENES:
        stream = Stream(seed, "vkitti2", name)
        scene, yaw = street(stream), stream.uniform(-3, 3)
        seen: dict[tuple[float, int, int], Frame] = {}
        for variation, side, number in product(VARIATIONS, (0, 1), range(frames)):
            view = VARIATIONS[variation], side, number
            camera = _camera(yaw + view[0], side, number)
            seen[view] = seen[view] if view in seen else shoot(scene, camera)
            yield Truth(
                image=f"{name}/{variation}/frames/rgb/Camera_{side}/rgb_{number:05d}.jpg",
                id=f"{name}/{variation}/Camera_{side}/{number:05d}",
                split=variation,
                scene=scene,
                camera=camera,
                frame=seen[view],
            )


def annotation(shot: Truth) -> Annotation:
    """The labels of a frame as they are written."""
    rows = list(COLORS)
    surfaces = [OFFICIAL[surface.name] for surface in shot.scene.surfaces]
    classes = np.array([rows.index(name) for name in ("Sky", *surfaces)], np.uint8)
    tracks = tracks_of(shot.scene)
    instances = np.zeros(len(surfaces) + 1, np.uint8)
    for track, surface in tracks.items():
        instances[surface + 1] = track + 1
    drawn = instances[shot.frame.ids]
    visible = np.unique(drawn)
    cm = np.minimum(np.floor(shot.frame.depth * 100 + 0.5), SKY)
    return Annotation(
        depth=cm.astype(np.uint16),
        classes=classes[shot.frame.ids],
        instances=drawn,
        tracks={track: surfaces[k] for track, k in tracks.items() if track + 1 in visible},
    )


def flow(shot: Truth) -> NDArray[np.uint16]:
    """Where a frame's points are in the next one, as it is written: uint16[H, W, 3] RGB.

    The street stands still, the camera drives on; B is 0 in the sky and behind the camera.
    """
    camera, size = shot.camera, np.array([WIDTH - 1, HEIGHT - 1])
    ahead = np.array(camera.position) + np.array([0, STEP, 0])
    solid = np.isfinite(shot.frame.depth)
    seen = np.where(solid[..., None], shot.frame.points, ahead) - ahead
    x, y, z = np.moveaxis(seen @ camera.rotation, -1, 0)
    valid = solid & (z > NEAR)
    z = np.where(valid, z, 1)
    rows, columns = np.indices(solid.shape)
    u, v = FOCUS[0] * x / z + FOCUS[2] - columns, FOCUS[1] * y / z + FOCUS[3] - rows
    share = (np.stack([u, v], -1) / size + 1) / 2
    valid &= ((share >= 0) & (share <= 1)).all(-1)
    stored = np.where(valid[..., None], np.floor(share * SKY + 0.5), 0)
    return np.dstack([stored, valid * SKY]).astype(np.uint16)


def palette_png(instances: NDArray[np.uint8], **options: int) -> bytes:
    """A palette PNG whose indices are these; the palette's colours mean nothing."""
    image = Image.fromarray(instances)
    image.putpalette([(37 * k + 11 * (k % 3)) % 256 for k in range(768)])
    data = io.BytesIO()
    image.save(data, "PNG", **options)
    return data.getvalue()


def _camera(yaw: float, side: int, number: int) -> Camera:
    """The left or right camera of a frame, on a straight drive."""
    rotation = looking(yaw, 1.0)
    x, y, z = np.array([0.9, STEP * number, 1.65]) + side * BASELINE * rotation[:, 0]
    lens = lens_of(*FOCUS)
    return Camera(width=WIDTH, height=HEIGHT, lens=lens, rotation=rotation, position=(x, y, z))


def _pictures(shot: Truth, labels: Annotation) -> dict[str, tuple[str, bytes]]:
    """Modality -> the form of its file names, and a frame's file."""
    bgr = np.array(list(COLORS.values()), np.uint8)[labels.classes][..., ::-1]
    return {
        "rgb": ("rgb_{}.jpg", encode_jpeg(_lit(shot.frame, shot.split))),
        "depth": ("depth_{}.png", _png(labels.depth)),
        "classSegmentation": ("classgt_{}.png", _png(bgr)),
        "instanceSegmentation": ("instancegt_{}.png", palette_png(labels.instances)),
    }


def _lit(frame: Frame, variation: str) -> NDArray[np.uint8]:
    """The developed picture; in fog the farther, the greyer."""
    rgb = frame.rgb.astype(np.float64)
    if variation == "fog":
        clear = (1 / (1 + frame.distance / FOG))[..., None]
        rgb = rgb * clear + 0.6 * (1 - clear)
    return develop(rgb, np.ones(frame.ids.shape, bool))


def _png(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Of grey, or BGR as OpenCV has it."""
    return bytes(cv2.imencode(".png", np.ascontiguousarray(pixels))[1].tobytes())


def _boxes(labels: Annotation, number: int, camera: int) -> list[str]:
    """Lines of bbox.txt: the visible vehicles of a frame."""
    lines = []
    for track in sorted(labels.tracks):
        rows, columns = np.nonzero(labels.instances == track + 1)
        box = f"{columns.min()} {columns.max()} {rows.min()} {rows.max()}"
        lines.append(f"{number} {camera} {track} {box} {len(rows)} 0 0.9386667 False")
    return lines


def _write_texts(folder: Path, scene: Scene, frames: int) -> None:
    """colors.txt, intrinsic.txt and info.txt of a variation."""
    lines = [f"{name} {red} {green} {blue}" for name, (red, green, blue) in COLORS.items()]
    _write_lines(folder / "colors.txt", ["Category r g b", *lines])
    focus = " ".join(f"{value}" for value in FOCUS)
    lines = [f"{number} {camera} {focus}" for number in range(frames) for camera in (0, 1)]
    head = "frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]"
    _write_lines(folder / "intrinsic.txt", [head, *lines])
    lines = [
        f"{track} {OFFICIAL[scene.surfaces[k].name]} Sedan4Door {scene.surfaces[k].colour.title()}"
        for track, k in tracks_of(scene).items()
    ]
    _write_lines(folder / "info.txt", ["trackID label model color", *lines])


def _write_lines(file: Path, lines: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="ascii")
