"""Metric depth as a walk along the edges of the RGB cube, and back.

    f(d) = 1 - (1 - d / (lambda c)) ** (lambda + 1),  lambda = -3, c = 10/3,  d = z-depth in metres

f runs uniformly along seven edges: black, red, yellow, green, cyan, blue, magenta, white. 8 bits
give 7 * 255 + 1 = 1,786 codes; infinity (sky) is white. Inverse: the nearest point on the edges,
then d = lambda c (1 - (1 - f) ** (1 / (lambda + 1))). Invalid pixels are mid-grey, the colour
farthest from the walk (180 of 255).

Convention: "Image Generators are Generalist Vision Learners" (arXiv 2604.20329), metric depth.

The code of a float32 depth is the number of thresholds at or below it. The thresholds are computed
to 50 digits and rounded up to float32, so every code is the correctly rounded one, and as only
comparisons and table look-ups are left, any device gives the same bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.nouns import Ask, Depth, Entry
from vbdata.prompts import prompt
from vbdata.rand import Stream

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

NEEDS = ("depth",)
BLANK_INPUT = False

LAMBDA, C = "-3", "10/3"
CORNERS = ("black", "red", "yellow", "green", "cyan", "blue", "magenta", "white")
CODES = 7 * 255 + 1
INVALID = (128, 128, 128)
BLOCK = 1 << 16  # pixels at a time, so that what lies between stays in the cache
REJECT = 90  # a colour farther than this from the walk is no depth; half way to mid-grey

_RGB_OF = {
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "yellow": (255, 255, 0),
    "green": (0, 255, 0),
    "cyan": (0, 255, 255),
    "blue": (0, 0, 255),
    "magenta": (255, 0, 255),
    "white": (255, 255, 255),
}


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """Every entry with depth can serve."""
    return np.ones(len(columns), np.bool_)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[str] = ()) -> Ask:
    """A prompt for the paper's palette and constants."""
    params = {"palette": "rgb-cube", "lambda": LAMBDA, "c": C}
    return Ask(instruction=prompt("depth", rng), params=params)


def render(label: Depth, params: Mapping[str, Any]) -> Tensor:
    """uint8[..., H, W, 3] of float32[..., H, W] metres; invalid, NaN and negative are mid-grey."""
    import torch

    good = valid(label, params)
    metres = torch.where(good, label.metres, 0.0).reshape(-1)
    tables_ = _on(metres.device, params)
    bucket = metres.view(torch.int32) >> tables_.shift
    code = tables_.base.index_select(0, bucket)
    code += metres >= tables_.cut.index_select(0, bucket)
    code = torch.where(good.reshape(-1), code, CODES)
    return tables_.colours.index_select(0, code).reshape(*good.shape, 3)


def valid(label: Depth, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: pixels whose colour is a depth."""
    return label.valid & (label.metres >= 0)


def decode(rgb: Tensor, params: Mapping[str, Any]) -> Depth:
    """Depth of uint8[..., H, W, 3] by the nearest point on the walk; far colours are invalid."""
    code, squared = nearest(rgb)
    metres = _on(rgb.device, params).depths.index_select(0, code.reshape(-1))
    return Depth(metres=metres.reshape(code.shape), valid=squared <= REJECT**2)


def legal(rgb: Tensor, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: colours that render can produce."""
    import torch

    grey = torch.tensor(INVALID, dtype=torch.uint8, device=rgb.device)
    return (nearest(rgb)[1] == 0) | (rgb == grey).all(-1)


def nearest(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest code and the squared distance to it, both int32[..., H, W].

    On an edge one channel varies, so the distance is that of the two others. Ties go to the
    smaller code.
    """
    import torch

    flat = rgb.reshape(-1, 3)
    best = torch.empty(len(flat), dtype=torch.int32, device=rgb.device)
    for start in range(0, len(flat), BLOCK):
        best[start : start + BLOCK] = _best_of_seven(flat[start : start + BLOCK])
    best = best.reshape(rgb.shape[:-1])
    return best & 2047, best >> 11


def _best_of_seven(rgb: Tensor) -> Tensor:
    """Squared distance * 2048 + code of the best edge, int32[N]: one minimum settles both."""
    import torch

    r, g, b = (channel.contiguous() for channel in rgb.to(torch.int32).unbind(-1))
    r0, g0, b0 = ((c * c).mul_(2048) for c in (r, g, b))
    r1, g1, b1 = ((255 - c).square_().mul_(2048) for c in (r, g, b))
    best = g0 + b0 + r  # black to red
    torch.minimum(best, (r1 + b0).add_(g).add_(255), out=best)  # to yellow
    torch.minimum(best, (g1 + b0).sub_(r).add_(3 * 255), out=best)  # to green
    torch.minimum(best, (r0 + g1).add_(b).add_(3 * 255), out=best)  # to cyan
    torch.minimum(best, (r0 + b1).sub_(g).add_(5 * 255), out=best)  # to blue
    torch.minimum(best, (g0 + b1).add_(r).add_(5 * 255), out=best)  # to magenta
    torch.minimum(best, (r1 + b1).add_(g).add_(6 * 255), out=best)  # to white
    return best


class _Tables(NamedTuple):
    """Look-up tables on a device.

    A float32's bits >> shift name a bucket that holds at most one threshold: base is the code at
    its lower end, cut that threshold (or NaN, which nothing reaches).
    """

    shift: int
    base: Tensor
    cut: Tensor
    colours: Tensor
    depths: Tensor


def _on(device: Any, params: Mapping[str, Any]) -> _Tables:
    return _device_tables(str(device), str(params["lambda"]), str(params["c"]))


@functools.cache
def _device_tables(device: str, lambda_: str, c: str) -> _Tables:
    import torch

    exact = tables(lambda_, c)
    shift, base, cut = _buckets(exact["thresholds"])
    arrays = (base, cut, exact["colours"], exact["depths"])
    return _Tables(shift, *(torch.from_numpy(array).to(device) for array in arrays))


def _buckets(cuts: NDArray[np.float32]) -> tuple[int, NDArray[np.int32], NDArray[np.float32]]:
    """The widest buckets of float32 bit patterns that hold at most one threshold each."""
    shift = 16
    while True:
        bits = np.arange(1 << (31 - shift), dtype=np.uint32) << np.uint32(shift)
        low = np.nan_to_num(bits.view(np.float32), nan=np.inf)
        base = np.searchsorted(cuts, low, side="right").astype(np.int32)
        if np.diff(base, append=np.int32(len(cuts))).max() <= 1:
            return shift, base, np.append(cuts, np.float32(np.nan))[base]
        shift -= 1


@functools.cache
def tables(lambda_: str = LAMBDA, c: str = C) -> dict[str, NDArray[Any]]:
    """thresholds float32[1785] ascending, depths float32[1786], colours uint8[1787, 3].

    depths[1785] is inf; colours[1786] is the colour of invalid pixels. Raises ValueError unless
    lambda < -1 and c > 0, where f covers [0, inf).
    """
    with localcontext() as context:
        context.prec = 50
        lam, scale = _exact(lambda_), _exact(c)
        if not (lam < -1 and scale > 0):
            raise ValueError(f"depth needs lambda < -1 and c > 0, got {lambda_} and {c}")
        steps = Decimal(2 * (CODES - 1))
        cuts = [_metres((2 * k + 1) / steps, lam, scale) for k in range(CODES - 1)]
        depths = [_metres(2 * k / steps, lam, scale) for k in range(CODES - 1)]
    return {
        "thresholds": np.array([_float32_at_least(cut) for cut in cuts], np.float32),
        "depths": np.array([float(d) for d in depths] + [np.inf]).astype(np.float32),
        "colours": np.array([*map(_colour, range(CODES)), INVALID], np.uint8),
    }


def _exact(text: str) -> Decimal:
    top, _, bottom = text.partition("/")
    return Decimal(top) / Decimal(bottom or 1)


def _metres(f: Decimal, lam: Decimal, scale: Decimal) -> Decimal:
    return abs(lam * scale * (1 - (1 - f) ** (1 / (lam + 1))))


def _float32_at_least(value: Decimal) -> np.float32:
    """The smallest float32 that is not below an exact value."""
    near = np.float32(float(value))
    return near if Decimal(float(near)) >= value else np.nextafter(near, np.float32(np.inf))


def _colour(code: int) -> tuple[int, ...]:
    edge = min(code // 255, 6)
    start, end = _RGB_OF[CORNERS[edge]], _RGB_OF[CORNERS[edge + 1]]
    along = code - 255 * edge
    return tuple(s + (e - s) // 255 * along for s, e in zip(start, end, strict=True))
