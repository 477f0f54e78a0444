"""Metric depth: the usual errors of an image, averaged over images.

With d the answer and t the truth in metres, over the pixels inside the crop where the truth is
valid and between 0.001 m and the cap:

    absrel    mean |d - t| / t              sqrel   mean (d - t)^2 / t, metres
    rmse      sqrt mean (d - t)^2, metres   rmse_log  sqrt mean e^2, e = ln d - ln t
    log10     mean |log10 d - log10 t|      silog   100 sqrt(mean e^2 - (mean e)^2)
    delta1, delta2, delta3: share of max(d / t, t / d) below 1.25, 1.25^2, 1.25^3

Each is the mean over images of the image's value, as is usual (Eigen et al. 2014, arXiv 1406.2283,
and the evaluation code of Monodepth2, BTS and Ke et al. 2024). silog is that of the devkit of
Geiger et al.'s depth benchmark: 100 times the square root. The answer is clipped to [0.001, cap]
first, so infinity (sky) counts as the cap. A colour that the decoder rejects counts as its nearest
code, the colour of "no answer" as the cap; `rejected` is the share of both. An image without a
pixel to score is left out of the means.

Alignment, before clipping: `median` multiplies d by median(t) / median(d) (Zhou et al. 2017,
arXiv 1704.07813); `least-squares` fits t = s d + b (affine-invariant depth, as in Ke
et al. 2024, arXiv 2312.02145).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from vbdata.core.labels import Depth
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.meter import Floats, Mask, Means, Value

ALIGNMENTS = ("none", "median", "least-squares")
NEAREST = 1e-3  # metres
DELTA = 1.25

Crop = tuple[float, float, float, float]  # shares of the source image: top, bottom, left, right


@dataclass
class DepthMeter:
    """Mean errors over images, by a benchmark's protocol.

    cap: metres, beyond which nothing is scored; crop: None for the whole image; align: one of
    ALIGNMENTS.
    """

    cap: float
    crop: Crop | None
    align: str
    means: Means = field(default_factory=Means)

    def add(self, truth: Depth, answer: Depth, geometry: Geometry) -> None:
        """Add the errors of an image. Both labels: metres float32[H, W], inf = sky.

        geometry: from the source image, in whose frame the crop is, to both labels.
        """
        mask = truth.valid & crop_mask(self.crop, geometry)
        scores = depth_scores(answer.metres, truth.metres, mask, self.cap, self.align)
        if scores is not None:
            rejected = np.count_nonzero(~answer.valid & mask) / np.count_nonzero(mask)
            self.means.add({**scores, "rejected": rejected})

    def merge(self, later: DepthMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.means.merge(later.means)

    def result(self) -> dict[str, Value]:
        """The mean of each error over the images that have a pixel to score; None without any."""
        return self.means.result()

    def per_class(self) -> dict[str, Value]:
        """An empty mapping: depth has no classes."""
        return {}


def depth_scores(
    metres: Floats,
    truth: Floats,
    mask: Mask,
    cap: float,
    align: str = "none",
    near: float = NEAREST,
) -> dict[str, Value] | None:
    """The errors of one image by name, or None if it has no pixel to score.

    metres, truth: float32[H, W], inf = sky, not NaN where mask; mask: bool[H, W]; near, cap:
    metres, between which the truth is scored and to which the answer is clipped. Raises ValueError
    for an unknown alignment.
    """
    mask = mask & (truth > near) & (truth < cap)
    t, d = truth[mask], metres[mask]
    if not len(t):
        return None
    if align != "none":
        d = aligned(np.where(np.isfinite(d), d, np.float32(cap)), t, align)
    return _errors(np.clip(d, near, cap, dtype=np.float32), t)


def aligned(d: Floats, t: Floats, align: str) -> Floats:
    """The answer d after alignment to the truth t; all float32[n], metres, finite.

    "median": scaled to the truth's median; "least-squares": scale and shift of the least squared
    error. Raises ValueError for anything else.
    """
    if align == "median":
        middle = np.median(d)
        return d * (np.median(t) / middle) if middle > 0 else d
    if align == "least-squares":
        # the closed form of s d + b: s = cov(d, t) / var(d), and the means are mapped on each other
        mean_d, mean_t = d.mean(dtype=np.float64), t.mean(dtype=np.float64)
        off = (d - mean_d).astype(np.float64)
        spread = float(off @ off)
        scale = float(off @ t) / spread if spread > 0 else 0.0
        return (off * scale + mean_t).astype(np.float32)
    raise ValueError(f"no alignment {align!r}; known: {', '.join(ALIGNMENTS)}")


def _errors(d: Floats, t: Floats) -> dict[str, Value]:
    """All errors of n pixels; single precision a pixel, double precision in sums."""
    n = len(t)
    quotient = d / t
    log = np.log(quotient)
    worse = np.maximum(quotient, 1 / quotient)
    shares = [np.count_nonzero(worse < DELTA**k) / n for k in (1, 2, 3)]
    gap = np.abs(d - t)
    square = _mean(gap * gap)
    relative = np.divide(gap, t, out=worse)
    absrel, sqrel = _mean(relative), _mean(np.multiply(gap, relative, out=gap))
    mean_log, mean_square = _mean(log), _mean(log * log)
    return {
        "absrel": absrel,
        "sqrel": sqrel,
        "rmse": math.sqrt(square),
        "rmse_log": math.sqrt(mean_square),
        "log10": _mean(np.abs(log, out=log)) / math.log(10),
        "silog": 100 * math.sqrt(max(0.0, mean_square - mean_log**2)),
        "delta1": shares[0],
        "delta2": shares[1],
        "delta3": shares[2],
    }


def _mean(values: Floats) -> float:
    return float(values.mean(dtype=np.float64))


def crop_mask(crop: Crop | None, geometry: Geometry) -> Mask:
    """bool[H, W]: the label's pixels whose centre, in the source image, lies inside a crop.

    crop: shares (top, bottom, left, right) of the source's height and width, cut to whole pixels
    as benchmarks do: rows int(top H) to int(bottom H) - 1; None: everything.
    """
    if crop is None:
        return np.ones((geometry.height, geometry.width), np.bool_)
    rows = _inside(crop[:2], geometry.source[1], geometry.scaled[1], geometry.top, geometry.height)
    columns = _inside(
        crop[2:], geometry.source[0], geometry.scaled[0], geometry.left, geometry.width
    )
    return np.asarray(rows[:, None] & columns[None, :])


def _inside(share: tuple[float, float], size: int, scaled: int, start: int, count: int) -> Mask:
    pixel = np.arange(start, start + count, dtype=np.int64)
    source = (2 * pixel + 1) * size // (2 * scaled)  # of the pixel's centre, in exact integers
    return (source >= int(share[0] * size)) & (source < int(share[1] * size))
