"""Albedo as colour, and back: what share of the light each surface reflects diffusely.

    code = round(255 a^(1 / 2.2)),  a = the linear reflectance of a channel, 0 to 1
    a = (code / 255)^2.2

Every colour is an albedo, so pixels without one are black, and only valid.png tells them. Option in
a recipe: `tasks: {albedo: {curve: "2.2"}}`; srgb is the curve of sRGB instead of the power, "1" the
linear number (parts/tones.py).

Convention: Ke et al., "Marigold: Affordable Adaptation of Diffusion-Based Image Generators for
Image Analysis" (arXiv 2505.09358), whose code has the power of 1/2.2 as its sRGB
(src/util/image_util.py) and scores albedo there (script/iid/eval.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, namespace
from vbdata.core.labels import Linear
from vbdata.core.prompts import prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry

from .parts import tones
from .parts.agreement import outside_faults

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("albedo",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.5 + 1e-4, "code steps"

PARAMS = {"curve": tones.GAMMA}
TOP = "1"  # reflectance of code 255


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: all, since every entry that has albedo can serve."""
    return np.ones(len(columns), np.bool_)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    curve: str = tones.GAMMA,
) -> Ask:
    """A prompt for albedo.

    curve: a gamma as a decimal, or srgb.
    """
    return Ask(instruction=prompt("albedo", rng), params={"curve": str(curve)})


def check_options(curve: str = tones.GAMMA) -> None:
    """Raise ValueError for a curve that is neither srgb nor a gamma from 0.1 to 10."""
    tones.check(curve)


def warm() -> None:
    """Make the tables of the default curve, so that no sample waits for them."""
    tones.tables(tones.GAMMA, TOP)


def render(label: Linear, params: Mapping[str, Any]) -> Array:
    """Draw albedo as uint8 RGB [..., H, W, 3], black where it is not valid."""
    return tones.encode(label, params["curve"], TOP)


def valid(label: Linear, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels that have an albedo."""
    return label.valid


def decode(rgb: Array, params: Mapping[str, Any]) -> Linear:
    """Linear reflectance, float32[..., 3, H, W], of uint8 RGB [..., H, W, 3]; all is valid."""
    return tones.decode(rgb, params["curve"], TOP)


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: all pixels, since every colour is an albedo."""
    xp = namespace(rgb)
    return xp.ones(rgb.shape[:-1], dtype=xp.bool, device=rgb.device)


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target contradicts its mask of valid pixels, a sentence each.

    rgb: uint8[..., H, W, 3]; valid: bool[..., H, W]. What is not valid is black.
    """
    tones.tables(params["curve"], TOP)
    return outside_faults((rgb != 0).any(-1), valid)


def roundtrip(label: Linear, rgb: Array, params: Mapping[str, Any]) -> float:
    """The largest error of a drawn label in code steps of a channel; rounding makes up to 0.5."""
    return tones.error(label, rgb, params["curve"], TOP)
