"""Shading as colour, and back: how much light of which colour falls on each surface.

    code = round(255 min(1, s / top)^(1 / 2.2)),  s = the linear diffuse illumination of a channel
    s = top (code / 255)^2.2

top is the 98th percentile of all channels of the image's valid pixels (parts/percentiles.py says
which number that is). It is measured when the sample is made and stands in its params as
`measured`; what is brighter is clipped. Every colour is a shading, so pixels without one are black,
and only valid.png tells them. Options in a recipe: `tasks: {shading: {curve: "2.2", high: "98"}}`;
srgb is the curve of sRGB instead of the power, "1" the linear number (parts/tones.py). A picture
whose percentile is 0 is quarantined.

Convention: the range is that of Ke et al., "Marigold: Affordable Adaptation of Diffusion-Based
Image Generators for Image Analysis" (arXiv 2505.09358), whose lighting model has illumination
clipped at its 98th percentile (script/iid/dataset_preprocess/hypersim_lighting) and linear: that is
`curve: "1"`. The power of 1/2.2, which that code has for albedo, is the default here since without
it a hundredth of the range has 3 of the 256 codes, and 32 with it.
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
from vbdata.errors import BadSample

from .parts import percentiles, tones
from .parts.agreement import outside_faults

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("shading",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.5 + 1e-4, "code steps"

HIGH = "98"
PARAMS = {"curve": tones.GAMMA, "high": HIGH, "measured": None}


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: all, since every entry that has shading can serve."""
    return np.ones(len(columns), np.bool_)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    curve: str = tones.GAMMA,
    high: str = HIGH,
) -> Ask:
    """A prompt for shading.

    curve: a gamma as a decimal, or srgb; high: the percentile that code 255 stands for.
    """
    params = {"curve": str(curve), "high": str(high)}
    return Ask(instruction=prompt("shading", rng), params=params)


def check_options(curve: str = tones.GAMMA, high: str = HIGH) -> None:
    """Raise ValueError for a curve or a percentage that there is not."""
    tones.check(curve)
    percentiles.check("high", high)


def measured(label: Linear, params: Mapping[str, Any]) -> dict[str, Any]:
    """The light that code 255 stands for. Raises BadSample("all invalid") if that is none."""
    xp = namespace(label.rgb)
    light = xp.moveaxis(label.rgb, -3, -1)[label.valid].reshape(-1)
    if not len(light):
        raise BadSample("all invalid", "no pixel has a shading")
    (top,) = percentiles.of(light, params["high"])
    if not float(top) > 0:
        raise BadSample("all invalid", f"percentile {params['high']} of its light is {top}")
    return {"top": top}


def render(label: Linear, params: Mapping[str, Any]) -> Array:
    """Draw shading as uint8 RGB [..., H, W, 3], black where it is not valid."""
    return tones.encode(label, params["curve"], params["measured"]["top"])


def valid(label: Linear, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels that have a shading."""
    return label.valid


def decode(rgb: Array, params: Mapping[str, Any]) -> Linear:
    """Linear illumination, float32[..., 3, H, W], of uint8 RGB [..., H, W, 3]; all is valid."""
    return tones.decode(rgb, params["curve"], params["measured"]["top"])


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: all pixels, since every colour is a shading."""
    xp = namespace(rgb)
    return xp.ones(rgb.shape[:-1], dtype=xp.bool, device=rgb.device)


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target contradicts its mask of valid pixels or its params, a sentence each.

    rgb: uint8[..., H, W, 3]; valid: bool[..., H, W]. What is not valid is black; the light that
    code 255 stands for was measured of a channel, so one has it. Raises ValueError for params of
    no target.
    """
    tones.tables(params["curve"], params["measured"]["top"])
    dark = not bool((rgb == 255).any())
    faults = ["no channel is 255, of which the light was measured"] if dark else []
    return outside_faults((rgb != 0).any(-1), valid) + faults


def roundtrip(label: Linear, rgb: Array, params: Mapping[str, Any]) -> float:
    """The largest error of a drawn label in code steps, but for what is clipped at the top.

    Rounding alone makes up to 0.5.
    """
    return tones.error(label, rgb, params["curve"], params["measured"]["top"])
