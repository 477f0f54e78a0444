"""Relative depth as grey, and back: which is nearer, and by how much for the image.

What models without a metric scale are trained on. The depth d of an image is brought to a space,
and there to the range of the image itself:

    s(d) = 1/d (inverse), -ln d (log) or -d (linear)
    v(d) = (s(d) - s(far)) / (s(near) - s(far)), clipped to [0, 1];  code = round(255 v)

near and far are the 2nd and the 98th percentile of the image's finite depths (parts/percentiles.py
says which pixels these are). They are measured when the sample is made and stand in its params as
`measured`, as texts; so a target decodes to the source's own unit, metres or an arbitrary one:

    d = s^-1(s(far) + code / 255 (s(near) - s(far)))

In an image with sky, code 0 is the sky alone, and v takes the codes 1 to 255. By default white is
near; the prompt says so. Pixels without a depth are blue (parts/greys.py). Options in a recipe:
`tasks: {relative_depth: {space: inverse, near: white, low: "2", high: "98"}}`. A picture whose two
percentiles are equal has no relative depth, and is quarantined.

Scores are invariant to scale and shift in the stated space (vbdata/evaluation/metrics/relative.py).

Sources: inverse depth up to scale and shift: Ranftl et al., "Towards Robust Monocular Depth
Estimation" (MiDaS, arXiv 1907.01341), and Yang et al., "Depth Anything" (arXiv 2401.10891); linear
between the 2nd and the 98th percentile: Ke et al. (arXiv 2312.02145), which has near dark; log: Yin
et al. (arXiv 2307.10984) compare in it. The code of the sky and the colour of missing depth are our
choice.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, namespace
from vbdata.core.labels import Depth
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry
from vbdata.errors import BadSample, choices

from .parts import greys, percentiles, steps
from .parts.agreement import mask_faults, says_phrase

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("relative_depth",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.5 + 1e-4, "code steps"

SPACES = ("inverse", "log", "linear")
ENDS = ("white", "black")
LOW, HIGH = "2", "98"
PARAMS = {"space": "inverse", "near": "white", "low": LOW, "high": HIGH, "measured": None}


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: all, since every entry that has depth of any scale can serve."""
    return np.ones(len(columns), np.bool_)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    space: str = "inverse",
    near: str = "white",
    low: str = LOW,
    high: str = HIGH,
) -> Ask:
    """A prompt that names the space, and says whether near is white or black.

    space: inverse, log or linear; near: white or black, the colour of what is near; low, high:
    percentiles of depth that the ends of the greys stand for.
    """
    params = {"space": space, "near": near, "low": str(low), "high": str(high)}
    scale = phrase("relative_depth", "scales", f"{space}-{near}", rng)
    return Ask(instruction=prompt("relative_depth", rng, scale=scale), params=params)


def check_options(
    space: str = "inverse", near: str = "white", low: str = LOW, high: str = HIGH
) -> None:
    """Raise ValueError for an unknown space or end, and unless 0 <= low < high <= 100."""
    for name, value, known in (("space", space, SPACES), ("near", near, ENDS)):
        if value not in known:
            raise ValueError(f"{name} is {value!r:.40}{choices(value, known)}")
    if not percentiles.check("low", low) < percentiles.check("high", high):
        raise ValueError(f"low is below high, got {low} and {high}")


def measured(label: Depth, params: Mapping[str, Any]) -> dict[str, Any]:
    """The depths that the ends of the greys stand for, and whether code 0 is the sky.

    Raises BadSample("all invalid") for a label without two finite depths.
    """
    good = valid(label, params)
    finite = label.metres[good & (label.metres < math.inf)]
    if not len(finite):
        raise BadSample("all invalid", "no pixel has a finite depth")
    near, far = percentiles.of(finite, params["low"], params["high"])
    if near == far:
        detail = f"nothing is nearer than anything: percentiles {params['low']} and"
        raise BadSample("all invalid", f"{detail} {params['high']} of its depth are both {near}")
    return {"near": near, "far": far, "sky": bool((good & (label.metres == math.inf)).any())}


def render(label: Depth, params: Mapping[str, Any]) -> Array:
    """Draw depth as grey, uint8 RGB [..., H, W, 3]; pixels without a depth blue."""
    xp = namespace(label.metres)
    places = steps.encode(_plain(label, params), _tables(params))
    grey = xp.asarray(_turned(places, params), dtype=xp.uint8)
    return greys.encode(grey, valid(label, params))


def valid(label: Depth, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels that have a depth: valid, above 0 and not NaN."""
    return label.valid & (label.metres > 0)


def decode(rgb: Array, params: Mapping[str, Any]) -> Depth:
    """Depth in the unit of the sample's source from uint8 RGB [..., H, W, 3], by the nearest grey.

    Sky is inf. Colours more than 104 of 255 from every grey are not valid.
    """
    grey, good = greys.decode(rgb)
    xp = namespace(rgb)
    places = _turned(xp.asarray(grey, dtype=xp.int64), params)
    return Depth(metres=steps.decode(places, _tables(params)), valid=good)


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] whose colour `render` can produce."""
    return greys.legal(rgb)


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts its mask of valid pixels, a sentence each.

    rgb: uint8[..., H, W, 3]; valid: bool[..., H, W]. A pixel has a depth where it is valid. Both
    ends were measured of pixels, so each has one; with sky, the end itself is the sky's, too.
    Raises ValueError for params of no target.
    """
    grey, drawn = greys.decode(rgb)
    faults = mask_faults(drawn, valid, "a depth")
    _tables(params)
    places = _turned(namespace(rgb).asarray(grey, dtype=namespace(rgb).int64), params)
    for end in (0, 254, 255) if params["measured"]["sky"] else (0, 255):
        if not bool((drawn & (places == end)).any()):
            faults.append(
                f"no pixel has the grey {_turned(end, params)}, an end of what was measured"
            )
    return faults


def unsaid(instruction: str, params: Mapping[str, Any]) -> list[str]:
    """What the params have and an instruction does not say: a sentence if it is the greys."""
    key = f"{params['space']}-{params['near']}"
    if says_phrase("relative_depth", "scales", key, instruction):
        return []
    return [f"the instruction does not say that near is {params['near']}, or {params['space']}"]


def roundtrip(label: Depth, rgb: Array, params: Mapping[str, Any]) -> float:
    """The largest error of a drawn depth map, in code steps; rounding alone makes up to 0.5.

    inf if a pixel that has a depth decodes to none, or the other way round, and so of the sky.
    """
    good, xp = valid(label, params), namespace(rgb)
    grey, drawn = greys.decode(rgb)
    places = _turned(xp.asarray(grey, dtype=xp.int64), params)
    sky, last = good & (label.metres == math.inf), places == 255
    if not params["measured"]["sky"]:
        last = sky
    if bool((drawn != good).any()) or bool(((good & last) != sky).any()):
        return math.inf
    off = steps.error(_plain(label, params), places, _tables(params))
    return float(xp.where(good & ~sky, off, 0.0).max())


def _plain(label: Depth, params: Mapping[str, Any]) -> Array:
    """The depths as they are compared, 1 where there is none."""
    return namespace(label.metres).where(valid(label, params), label.metres, 1.0)


def _turned(places: Any, params: Mapping[str, Any]) -> Any:
    """The greys of places among the ascending depths of the codes, or the places of greys."""
    return 255 - places if params["near"] == "white" else places


def _tables(params: Mapping[str, Any]) -> steps.Steps:
    found = params["measured"]
    near, far, sky = found["near"], found["far"], found["sky"]
    if params["near"] not in ENDS or params["space"] not in SPACES or type(sky) is not bool:
        raise ValueError(f"near, space and sky are {params['near']}, {params['space']} and {sky}")
    return _tables_of(params["space"], near, far, sky)


@functools.lru_cache(maxsize=64)
def _tables_of(space: str, near: str, far: str, sky: bool) -> steps.Steps:
    """The depths of the codes, from near to far, and then of the sky where there is one."""
    count = 255 - sky
    with localcontext() as context:
        context.prec = 30
        ends = Decimal(near), Decimal(far)
        if not 0 < ends[0] < ends[1] < Decimal("Infinity"):
            raise ValueError(f"depths from {near} to {far} were never measured")
        cuts = [_depth(space, *ends, 1 - Decimal(2 * k + 1) / (2 * count)) for k in range(count)]
        depths = [_depth(space, *ends, 1 - Decimal(k) / count) for k in range(count + 1)]
    beyond = [Decimal("Infinity")] * sky
    return steps.between(cuts + beyond, depths + beyond)


def _depth(space: str, near: Decimal, far: Decimal, v: Decimal) -> Decimal:
    """The depth at which v has a value, from 0 (far) to 1 (near)."""
    if space == "inverse":
        return 1 / (1 / far + v * (1 / near - 1 / far))
    if space == "log":
        return far * (v * (near / far).ln()).exp()
    return far + v * (near - far)
