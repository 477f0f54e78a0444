"""Albedo and shading: how near linear maps are, as pictures and up to one factor.

With x the answer and t the truth of an image, w its white (1 for albedo; for shading the 98th
percentile of the truth's channels), both become pictures, 255 min(1, x / w)^(1 / 2.2) rounded:

    psnr      of the pictures, over valid pixels, dB, capped at 100
    ssim      of the pictures, pixels that are not valid as in the truth (metrics/images.py)
    si_rmse   sqrt(min over f of mean (f x - t)^2 / mean t^2), linear, one factor f for the image

Each is the mean over images. PSNR and SSIM in that power of 2.2 are those of Ke et al. for albedo
(arXiv 2505.09358, script/iid/eval.py, which has shading linear); the error up to a factor is that
of Grosse et al. (ICCV 2009) over the whole image, as a share of the truth's energy: 1 is what black
has. All colours decode, so none is rejected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import Pixels
from vbdata.core.labels import Linear
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.images import psnr, ssim
from vbdata.evaluation.metrics.meter import Floats, Means, Value

GAMMA, HIGH = 2.2, 98.0


@dataclass
class LinearMeter:
    """Mean errors over images. white: what counts as white, None for a percentile of each truth."""

    white: float | None = 1.0
    means: Means = field(default_factory=Means)

    def add(self, truth: Linear, answer: Linear, geometry: Geometry) -> None:
        """Add an image. Both labels: rgb float32[3, H, W], linear."""
        valid = truth.valid
        if not valid.any():
            return
        x, t = (each.rgb.transpose(1, 2, 0) for each in (answer, truth))
        white = self.white or float(np.percentile(t[valid], HIGH)) or 1.0
        painted, true = picture(x, white), picture(t, white)
        painted = np.where(valid[..., None], painted, true)
        self.means.add(
            {
                "psnr": psnr(painted[valid][None], true[valid][None]),
                "ssim": ssim(painted, true),
                "si_rmse": scale_invariant(x[valid], t[valid]),
            }
        )

    def merge(self, later: LinearMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.means.merge(later.means)

    def result(self) -> dict[str, Value]:
        """psnr, in dB, ssim and si_rmse, means over images; None where no image defines one."""
        return self.means.result()

    def per_class(self) -> dict[str, Value]:
        """An empty mapping: maps of light have no classes."""
        return {}


def picture(values: Floats, white: float) -> Pixels:
    """Linear float32[...] as uint8[...] of the same shape, white being 255."""
    share = np.clip(values.astype(np.float64) / white, 0, 1)
    return np.asarray(np.rint(255 * share ** (1 / GAMMA)), np.uint8)


def scale_invariant(x: NDArray[np.float32], t: NDArray[np.float32]) -> Value:
    """The error of float32[n, 3] up to one factor, as a share; None for a truth that is black."""
    painted, true = x.astype(np.float64).ravel(), t.astype(np.float64).ravel()
    energy, both, own = float(true @ true), float(painted @ true), float(painted @ painted)
    if not energy:
        return None
    rest = energy - both * both / own if own else energy
    return math.sqrt(max(0.0, rest) / energy)
