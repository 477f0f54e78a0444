"""Alpha mattes: the four errors of matting, averaged over images.

With a the answer's alpha and t the truth, 0 to 1, over all valid pixels of an image (no trimap):

    sad    sum |a - t| / 1000                 mse    mean (a - t)^2       mad   mean |a - t|
    grad   sum (|G a| - |G t|)^2 / 1000,  G the gradient by derivatives of a Gaussian, sigma 1.4
    conn   sum |phi(a) - phi(t)| / 1000,  phi(x) = 1 - d [d >= 0.15],  d = x - l

where l of a pixel is the largest of the thresholds 0, 0.1 ... 1 at which it is still connected (by
edges) to the source, the largest region in which both alphas reach the threshold.

Definitions: Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting" (CVPR
2009), with the constants of its published code, as Xu et al. (CVPR 2017) and the benchmarks since
use them; over the whole image as sets without trimaps are scored (Li et al., P3M-10k, arXiv
2104.14222). Sums grow with the picture: compare only what was scored at one size. Alphas are not
stretched to 0 to 1 first, which some ports of the gradient's code do. Pixels that are not valid
count as equal. A colour that the decoder rejects counts as its nearest grey; `rejected` is the
share of those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Matte
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.meter import Floats, Means, Value

SIGMA, EPSILON = 1.4, 1e-2  # of the gradient; where the Gaussian is cut off
STEP, NEAR = 0.1, 0.15  # of connectivity: between thresholds, and the smallest distance that counts
THOUSAND = 1000.0


@dataclass
class MatteMeter:
    """Mean errors over images."""

    means: Means = field(default_factory=Means)

    def add(self, truth: Matte, answer: Matte, geometry: Geometry) -> None:
        """Add an image. Both labels: alpha uint8[H, W]."""
        valid = truth.valid
        if not valid.any():
            return
        t = truth.alpha.astype(np.float32) / np.float32(255)
        painted = np.where(valid, answer.alpha, truth.alpha)
        a = np.asarray(painted, np.float32) / np.float32(255)
        off = np.abs(a - t)[valid].astype(np.float64)
        rejected = int(np.count_nonzero(~answer.valid & valid)) / off.size
        self.means.add(
            {
                "sad": float(off.sum()) / THOUSAND,
                "mse": float(np.square(off).mean()),
                "mad": float(off.mean()),
                "grad": gradient_error(a, t),
                "conn": connectivity_error(a, t),
                "rejected": rejected,
            }
        )

    def merge(self, later: MatteMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.means.merge(later.means)

    def result(self) -> dict[str, Value]:
        """sad, mse, mad, grad and conn, means over images; None without any."""
        return self.means.result()

    def per_class(self) -> dict[str, Value]:
        """An empty mapping: mattes have no classes."""
        return {}


def gradient_error(a: Floats, t: Floats) -> float:
    """The gradient error of two alphas, float32[H, W] from 0 to 1."""
    off = gradient(a) - gradient(t)
    return float(np.square(off, dtype=np.float64).sum()) / THOUSAND


def gradient(alpha: Floats) -> Floats:
    """float32[H, W]: the length of the gradient by derivatives of a Gaussian; edges repeat."""
    import cv2

    smooth, slope = kernels()
    across = cv2.sepFilter2D(alpha, cv2.CV_32F, slope, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(alpha, cv2.CV_32F, smooth, slope, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.hypot(across, down), np.float32)


def kernels() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A Gaussian and its derivative, float64[2 r + 1], whose product as a 2D filter has norm 1."""
    radius = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * EPSILON)))
    x = np.arange(-radius, radius + 1, dtype=np.float64)
    smooth = np.exp(-(x**2) / (2 * SIGMA**2)) / (SIGMA * math.sqrt(2 * math.pi))
    slope = -x * smooth / SIGMA**2
    norm = math.sqrt(float(np.linalg.norm(smooth)) * float(np.linalg.norm(slope)))
    return smooth / norm, slope / norm


def connectivity_error(a: Floats, t: Floats) -> float:
    """The connectivity error of two alphas, float32[H, W] from 0 to 1."""
    import cv2

    level = np.full(a.shape, -1.0, np.float32)
    both = np.minimum(a, t)
    for k in range(1, round(1 / STEP) + 1):
        reached = (both >= np.float32(k * STEP)).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(reached, connectivity=4)
        areas = stats[1:, cv2.CC_STAT_AREA]
        source = labels == 1 + int(areas.argmax()) if areas.size else np.zeros(a.shape, np.bool_)
        level[(level < 0) & ~source] = (k - 1) * STEP
    level[level < 0] = 1.0
    off = [_connected(alpha, level) for alpha in (a, t)]
    return float(np.abs(off[0] - off[1]).sum(dtype=np.float64)) / THOUSAND


def _connected(alpha: Floats, level: Floats) -> Floats:
    """float32[H, W]: how connected each pixel is, 1 for all of its alpha."""
    apart = alpha - level
    return np.asarray(1 - apart * (apart >= np.float32(NEAR)), np.float32)
