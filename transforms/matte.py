"""An alpha matte as grey, and back: how much of each pixel the foreground covers.

    R = G = B = alpha, 0 to 255;   alpha = the mean of the channels, rounded

Nothing is lost: a matte of 8 bits has 256 greys. White is the foreground; pixels without an alpha
are blue (parts/greys.py).

Convention: grey alpha is how mattes are stored and painted everywhere, such as in the composition
sets of Xu et al., "Deep Image Matting" (CVPR 2017, arXiv 1703.03872).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array
from vbdata.core.labels import Matte
from vbdata.core.prompts import prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry

from .parts import greys
from .parts.agreement import mask_faults

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("matte",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.0, "code steps"

PARAMS: Mapping[str, Any] = {}


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: all, since every entry that has a matte can serve."""
    return np.ones(len(columns), np.bool_)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = ()) -> Ask:
    """A prompt for the alpha matte; there is one encoding only."""
    return Ask(instruction=prompt("matte", rng), params={})


def pictured(params: Mapping[str, Any]) -> str:
    """What a target is, in words that follow an article."""
    return "alpha matte of the foreground"


def render(label: Matte, params: Mapping[str, Any]) -> Array:
    """Draw alpha as grey, uint8 RGB [..., H, W, 3]; pixels without one blue."""
    return greys.encode(label.alpha, label.valid)


def valid(label: Matte, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels that have an alpha."""
    return label.valid


def decode(rgb: Array, params: Mapping[str, Any]) -> Matte:
    """The matte of uint8 RGB [..., H, W, 3]: the nearest grey, not valid where none is near."""
    alpha, good = greys.decode(rgb)
    return Matte(alpha=alpha, valid=good)


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] whose colour `render` can produce."""
    return greys.legal(rgb)


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts its mask of valid pixels, a sentence each.

    rgb: uint8[..., H, W, 3]; valid: bool[..., H, W]. A pixel has an alpha where it is valid.
    """
    return mask_faults(greys.decode(rgb)[1], valid, "an alpha")


def roundtrip(label: Matte, rgb: Array, params: Mapping[str, Any]) -> float:
    """The largest error of a drawn alpha, of 255; inf where only one of the two is valid."""
    return greys.error(label.alpha, label.valid, rgb)
