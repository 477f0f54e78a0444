"""Edited images: how near the answer is to the one edited image that the dataset has.

    psnr   10 log10(255^2 / mean squared error) over all pixels and channels, dB; capped at 100,
           which is what an exact copy has
    ssim   Wang et al. (IEEE TIP 13(4), 2004): Gaussian window of 11 x 11, sigma 1.5, K1 = 0.01,
           K2 = 0.03, L = 255, the mean over RGB channels and over the pixels at which the window
           lies inside the image; undefined for an image under 11 pixels wide or high

Both are means over images. Where an edit is small, a copy of the input scores well, so that copy is
reported beside the answers. Whether the instruction was followed is not measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from vbdata.core.images import Pixels
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.meter import Floats, Means, Value

MOST_DB = 100.0
WINDOW, SIGMA = 11, 1.5
RIM = WINDOW // 2
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(answer: Pixels, truth: Pixels) -> float:
    """Peak signal-to-noise ratio in dB of two images uint8[H, W, 3]; 100 if they are equal."""
    import cv2

    # exact: a sum of integers, below 2**53
    square = cv2.norm(answer, truth, cv2.NORM_L2SQR) / answer.size
    return min(MOST_DB, 10 * math.log10(255.0**2 / square)) if square else MOST_DB


def ssim(answer: Pixels, truth: Pixels) -> Value:
    """Structural similarity of two images uint8[H, W, 3]; None if a side is under 11 pixels."""
    if min(truth.shape[:2]) < WINDOW:
        return None
    shares = [_ssim(answer[..., k], truth[..., k]) for k in range(3)]
    return sum(shares) / 3


def _ssim(answer: Pixels, truth: Pixels) -> float:
    """Structural similarity of one channel, uint8[H, W]."""
    x, y = answer.astype(np.float32), truth.astype(np.float32)
    mx, my = _local(x), _local(y)
    squares, both = mx * mx + my * my, mx * my
    spread = _local(x * x + y * y) - squares
    shared = _local(x * y) - both
    top = (2 * both + np.float32(C1)) * (2 * shared + np.float32(C2))
    top /= (squares + np.float32(C1)) * (spread + np.float32(C2))
    return float(top.mean(dtype=np.float64))


def _local(values: Floats) -> Floats:
    """float32[H - 10, W - 10]: Gaussian-weighted means of the windows that lie inside."""
    import cv2

    kernel = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_32F)
    means = cv2.sepFilter2D(values, cv2.CV_32F, kernel, kernel)
    return np.asarray(means[RIM:-RIM, RIM:-RIM], np.float32)


@dataclass
class ImagesMeter:
    """Mean PSNR and SSIM over images."""

    means: Means = field(default_factory=Means)

    def add(self, truth: Pixels, answer: Pixels, geometry: Geometry) -> None:
        """Add an image; truth and answer: uint8[H, W, 3]; geometry is not needed."""
        self.means.add({"psnr": psnr(answer, truth), "ssim": ssim(answer, truth)})

    def merge(self, later: ImagesMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.means.merge(later.means)

    def result(self) -> dict[str, Value]:
        """psnr, in dB, and ssim, means over images; None where no image defines one."""
        return self.means.result()

    def per_class(self) -> dict[str, Value]:
        """An empty mapping: images have no classes."""
        return {}
