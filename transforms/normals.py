"""Surface normals as RGB, and back.

In a camera frame with +x right, +y up, +z toward the viewer:

    R = (1 - x) / 2,  G = (1 + y) / 2,  B = (1 + z) / 2,  times 255, rounded to nearest

The x is flipped on purpose: a surface that faces left is pinkish red, up light green, toward the
camera light blue. In the engine's OpenCV axes (+x right, +y down, +z forward) all three signs
agree: channel = 255 (1 - n) / 2. Inverse: n = 1 - 2 channel / 255, scaled to length 1.

Sky is magenta (255, 0, 255), which as a vector has the impossible length 1.73; pixels without a
normal are mid-grey, of length 0.01. The decoder rejects lengths above 1.4 and below 0.5.

Convention: "Image Generators are Generalist Vision Learners" (arXiv 2604.20329), surface normals;
the sky's colour is read off a published output of that model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled
from vbdata.core.arrays import Array, namespace, place, placed
from vbdata.core.labels import Normals
from vbdata.core.prompts import prompt
from vbdata.core.rng import Stream
from vbdata.core.rounding import sqrt
from vbdata.core.types import Ask, Entry

from .parts.agreement import mask_faults

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("normals",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.4, "degrees"  # half a step of 2 / 255 in three channels turns 0.39

PARAMS = {"frame": "x-left y-up z-viewer"}

SKY = (255, 0, 255)
INVALID = (128, 128, 128)
SHORTEST, LONGEST = 0.5, 1.4
SKY_RADIUS = 60  # of 255; the nearest unit normal is 93 from magenta
STEP = 2.0 / 255.0  # of a component, for one step of its channel
UNIT_ERROR = 0.007  # of a drawn vector's length: sqrt(3) times half a step


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: all, since every entry that has normals can serve."""
    return np.ones(len(columns), np.bool_)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = ()) -> Ask:
    """A prompt for surface normals; there is one encoding only."""
    return Ask(instruction=prompt("normals", rng), params=dict(PARAMS))


def pictured(params: Mapping[str, Any]) -> str:
    """What a target is, in words that follow an article: a map of normals."""
    return (
        "surface normal map (pinkish red to the left, light green up, light blue toward the camera)"
    )


def render(label: Normals, params: Mapping[str, Any]) -> Array:
    """Draw normals as uint8 RGB [..., H, W, 3]; sky magenta, pixels without a normal mid-grey."""
    xp = namespace(label.xyz)
    if library := _library(label):
        rgb = xp.empty((*label.valid.shape, 3), dtype=xp.uint8)
        colours = compiled.packed(SKY), compiled.packed(INVALID)
        library.vb_normals_encode(*_addresses(label), *colours, compiled.address(rgb))
        return rgb
    half = (1.0 - label.xyz) * 127.5 + 0.5
    half = xp.clip(xp.nan_to_num(half, nan=0.0), 0.0, 255.0)
    rgb = xp.asarray(xp.moveaxis(half, -3, -1), dtype=xp.uint8)
    invalid, sky = placed(np.array((INVALID, SKY), np.uint8), place(rgb))
    rgb = xp.where(label.valid[..., None], rgb, invalid)
    return xp.where(label.sky[..., None], sky, rgb)


def valid(label: Normals, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels that have an answer, a normal or the sky."""
    return label.valid | label.sky


def decode(rgb: Array, params: Mapping[str, Any]) -> Normals:
    """Unit normals, float32[..., 3, H, W] in OpenCV axes, from uint8 RGB [..., H, W, 3].

    Not valid: colours whose vector is shorter than 0.5 or longer than 1.4, and sky, which is every
    colour within 60 of magenta.
    """
    xyz, length = _vectors(rgb)
    good = (length >= SHORTEST) & (length <= LONGEST)
    sky = _within(rgb, SKY, SKY_RADIUS)
    unit = xyz * (1.0 / namespace(rgb).clip(length, 1e-6, None))[..., None, :, :]
    return Normals(xyz=unit, valid=good & ~sky, sky=sky)


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] whose colour `render` can produce."""
    unit = abs(_vectors(rgb)[1] - 1.0) <= UNIT_ERROR
    return unit | _within(rgb, SKY, 0) | _within(rgb, INVALID, 0)


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts its mask of valid pixels, a sentence each.

    rgb: uint8[..., H, W, 3]; valid: bool[..., H, W]. A pixel has a normal, or is sky, where it is
    valid.
    """
    label = decode(rgb, params)
    return mask_faults(label.valid | label.sky, valid, "a normal or sky")


def roundtrip(label: Normals, rgb: Array, params: Mapping[str, Any]) -> float:
    """The largest angle between a normal and its decoded colour, in degrees.

    inf if a pixel is valid, or sky, only before or only after decoding.
    """
    if (library := _library(label)) and compiled.library_for(uint8=rgb):
        bounds = STEP, SHORTEST, LONGEST, compiled.packed(SKY), SKY_RADIUS**2
        farthest = library.vb_normals_error(*_addresses(label), compiled.address(rgb), *bounds)
        return _degrees(farthest)
    decoded = decode(rgb, params)
    if bool(((decoded.valid != label.valid) | (decoded.sky != label.sky)).any()):
        return math.inf
    xp = namespace(rgb)
    x, y, z = xp.moveaxis(decoded.xyz - label.xyz, -3, 0)
    squared = xp.where(label.valid, x * x + y * y + z * z, 0.0)
    return _degrees(float(squared.max()))


def _degrees(squared_chord: float) -> float:
    """The angle between two unit vectors, by the squared distance of their tips.

    Exact for small angles, where the arc cosine of their product would lose half of the digits.
    """
    if math.isinf(squared_chord):
        return math.inf
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(squared_chord) / 2)))


def _library(label: Normals) -> Any:
    """The compiled loops, if they can be used on one image."""
    if label.valid.ndim != 2:  # in a batch the three components of one image are not adjacent
        return None
    return compiled.library_for(float32=label.xyz, bool=(label.valid, label.sky))


def _addresses(label: Normals) -> tuple[int, int, int, int]:
    arrays = [compiled.address(each) for each in (label.xyz, label.valid, label.sky)]
    return arrays[0], arrays[1], arrays[2], math.prod(label.valid.shape)


def _vectors(rgb: Array) -> tuple[Array, Array]:
    """The vectors of colours, float32[..., 3, H, W], before scaling; their lengths [..., H, W]."""
    xp = namespace(rgb)
    channels = xp.asarray(rgb, dtype=xp.float32)
    x, y, z = (1.0 - channels[..., k] * STEP for k in range(3))
    return xp.stack((x, y, z), -3), sqrt(x * x + y * y + z * z)


def _within(rgb: Array, colour: tuple[int, int, int], radius: int) -> Array:
    """bool[..., H, W]: pixels at most `radius` from a colour."""
    xp = namespace(rgb)
    r, g, b = (xp.asarray(rgb[..., k], dtype=xp.int32) - colour[k] for k in range(3))
    return r * r + g * g + b * b <= radius**2
