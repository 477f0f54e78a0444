"""Metrics of relative depth, mattes, foregrounds, albedo and shading against formulas by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vbdata.core.labels import Depth, Linear, Matte
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics import linear, mattes
from vbdata.evaluation.metrics.foreground import ForegroundMeter, s_measure
from vbdata.evaluation.metrics.linear import LinearMeter
from vbdata.evaluation.metrics.mattes import MatteMeter
from vbdata.evaluation.metrics.relative import RelativeMeter

RNG = np.random.default_rng(8)
H, W = 18, 22
SAME = Geometry(source=(W, H), scaled=(W, H), left=0, top=0, width=W, height=H)
ALL = np.ones((H, W), np.bool_)


def result(meter: Any, *pairs: tuple[Any, Any]) -> dict[str, Any]:
    """The result over pairs of truth and answer, merged one by one."""
    for truth, answer in pairs:
        one = type(meter)(
            *(getattr(meter, name) for name in ("space", "white") if name in vars(meter))
        )
        one.add(truth, answer, SAME)
        meter.merge(one)
    found: dict[str, Any] = meter.result()
    return found


SPACES = {
    "inverse": (lambda d: 1 / d, lambda v: 1 / v),
    "log": (lambda d: -np.log(d), lambda v: np.exp(-v)),
    "linear": (lambda d: -d, lambda v: -v),
}


@pytest.mark.parametrize("space", SPACES)
def test_relative_depth_is_fitted_in_its_space(space: str) -> None:
    into, out = SPACES[space]
    t = np.exp(RNG.normal(1, 0.7, (H, W))).astype(np.float32)
    t[0], t[1] = np.inf, np.nan
    valid = ALL.copy()
    valid[2] = False
    seen = valid & np.isfinite(t)
    moved = out(0.5 * into(t) + (-1 if space == "linear" else 1))
    exact = Depth(metres=moved.astype(np.float32), valid=ALL)
    truth = Depth(metres=t, valid=valid)
    perfect = result(RelativeMeter(space), (truth, exact))
    assert perfect["absrel"] < 1e-5
    assert perfect["delta1"] == 1
    d = np.exp(np.log(t) + RNG.normal(0, 0.5, t.shape)).astype(np.float32)
    d[5, 5] = np.inf  # sky: as far as the farthest that is answered
    x = d[seen].astype(np.float64)
    x[~np.isfinite(x)] = x[np.isfinite(x)].max()
    y = t[seen].astype(np.float64)
    fit, *_ = np.linalg.lstsq(np.stack([into(x), np.ones(x.size)], 1), into(y), rcond=None)
    moved = fit[0] * into(x) + fit[1]
    moved = out(np.clip(moved, into(y.max()), into(y.min())))
    found = result(RelativeMeter(space), (truth, Depth(metres=d, valid=ALL & (d > 1))))
    assert found["absrel"] == pytest.approx(np.mean(np.abs(moved - y) / y))
    assert found["delta1"] == pytest.approx(np.mean(np.maximum(moved / y, y / moved) < 1.25))
    assert found["rmse_log"] == pytest.approx(np.sqrt(np.mean(np.log(moved / y) ** 2)))
    assert found["rejected"] == pytest.approx(np.mean(~(d > 1)[seen]))
    flat = Depth(metres=np.full_like(t, 2), valid=ALL)
    assert result(RelativeMeter(space), (truth, flat))["absrel"] == pytest.approx(
        np.mean(np.abs(out(into(y).mean()) - y) / y)
    )


def alphas() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A blob with soft edges and a second one apart from it, and a worse answer."""
    y, x = np.mgrid[:H, :W]
    t = np.clip(6 - np.hypot(x - 8, y - 8), 0, 2) / 2 + np.clip(3 - np.hypot(x - 18, y - 14), 0, 1)
    a = np.clip(t + RNG.normal(0, 0.15, t.shape) + 0.3 * (np.hypot(x - 15, y - 4) < 2), 0, 1)
    return np.rint(255 * t).astype(np.uint8), np.rint(255 * a).astype(np.uint8)


def slow_gradient(alpha: NDArray[np.float64]) -> NDArray[np.float64]:
    """By the two-dimensional filters of the definition, normalised as wholes."""
    radius = math.ceil(1.4 * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * 1.4 * 0.01)))
    u = np.arange(-radius, radius + 1.0)
    gauss = np.exp(-(u**2) / (2 * 1.4**2)) / (1.4 * math.sqrt(2 * math.pi))
    across = gauss[:, None] * (-u * gauss / 1.4**2)[None]
    across /= np.sqrt((across**2).sum())
    padded = np.pad(alpha, radius, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, across.shape)
    return np.hypot((windows * across).sum((2, 3)), (windows * across.T).sum((2, 3)))


def largest(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest region that is connected by edges, by flooding."""
    left, best = set(zip(*np.nonzero(region), strict=True)), set[Any]()
    while left:
        found, edge = set[Any](), [left.pop()]
        while edge:
            row, column = edge.pop()
            found.add((row, column))
            near = [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
            edge += [place for place in near if place in left]
            left -= set(near)
        best = max(best, found, key=len)
    mask = np.zeros(region.shape, np.bool_)
    for place in best:
        mask[place] = True
    return mask


def test_the_four_errors_of_matting() -> None:
    truth, answer = alphas()
    t, a = truth / 255, answer / 255
    found = result(
        MatteMeter(), (Matte(alpha=truth, valid=ALL), Matte(alpha=answer, valid=answer != 7))
    )
    assert found["sad"] == pytest.approx(np.abs(a - t).sum() / 1000, rel=1e-5)
    assert found["mse"] == pytest.approx(((a - t) ** 2).mean(), rel=1e-5)
    assert found["mad"] == pytest.approx(np.abs(a - t).mean(), rel=1e-5)
    off = (slow_gradient(a) - slow_gradient(t)) ** 2
    assert found["grad"] == pytest.approx(off.sum() / 1000, rel=1e-4)
    level = np.zeros((H, W))  # the largest threshold at which a pixel is still connected
    still = ALL.copy()
    for k in range(1, 11):
        still &= largest((a >= k / 10 - 1e-7) & (t >= k / 10 - 1e-7))
        level[still] = k / 10
    phi = [1 - (x - level) * ((x - level) >= 0.15 - 1e-6) for x in (a, t)]
    assert found["conn"] == pytest.approx(np.abs(phi[0] - phi[1]).sum() / 1000, rel=1e-4)
    assert found["rejected"] == pytest.approx((answer == 7).mean())
    half = ALL.copy()
    half[:, W // 2 :] = False  # what is not valid is not scored
    found = result(MatteMeter(), (Matte(alpha=truth, valid=half), Matte(alpha=answer, valid=ALL)))
    assert found["sad"] == pytest.approx(np.abs(a - t)[half].sum() / 1000, rel=1e-5)
    assert mattes.connectivity_error(*(np.float32(x) for x in (t, t))) == 0


def slow_s(p: NDArray[np.float64], g: NDArray[np.bool_]) -> float:
    """The structure measure as its paper writes it, block by block."""
    mu = g.mean()

    def o(x: NDArray[np.float64]) -> float:
        return float(2 * x.mean() / (x.mean() ** 2 + 1 + np.std(x, ddof=1)))

    objects = mu * o(p[g]) + (1 - mu) * o(1 - p[~g])
    cy, cx = (int(np.round(axis.mean())) + 1 for axis in np.nonzero(g))
    regions = 0.0
    for ys, xs in [(s, t) for s in ((0, cy), (cy, H)) for t in ((0, cx), (cx, W))]:
        x, y = p[slice(*ys), slice(*xs)].ravel(), g[slice(*ys), slice(*xs)].ravel() * 1.0
        if x.size < 2:
            continue
        (sx, sxy), (_, sy) = np.cov(x, y)
        top, below = 4 * sxy * x.mean() * y.mean(), (sx + sy) * (x.mean() ** 2 + y.mean() ** 2)
        similarity = top / below if top else float(below == 0)
        regions += x.size / p.size * similarity
    return 0.5 * objects + 0.5 * regions


def test_the_measures_of_a_foreground() -> None:
    pairs = []
    curves = np.zeros(255)
    for _ in range(2):
        truth, answer = alphas()
        truth = np.where(truth >= 128, 255, 0).astype(np.uint8)
        pairs.append((Matte(alpha=truth, valid=ALL), Matte(alpha=answer, valid=ALL)))
        g = truth > 0
        for k in range(1, 256):
            marked = answer >= k
            if (marked & g).any():
                p, r = (marked & g).sum() / marked.sum(), (marked & g).sum() / g.sum()
                curves[k - 1] += 1.3 * p * r / (0.3 * p + r)
    found = result(ForegroundMeter(), *pairs)
    assert found["f_max"] == pytest.approx(curves.max() / 2)
    assert found["mae"] == pytest.approx(
        np.mean([np.abs(a.alpha / 255 - t.alpha / 255).mean() for t, a in pairs])
    )
    assert found["s_measure"] == pytest.approx(
        np.mean([slow_s(a.alpha / 255, t.alpha > 0) for t, a in pairs])
    )
    nothing = Matte(alpha=np.zeros((H, W), np.uint8), valid=ALL)
    alone = result(ForegroundMeter(), (nothing, pairs[0][1]))
    assert alone["f_max"] is None
    assert alone["s_measure"] == pytest.approx(1 - pairs[0][1].alpha.mean() / 255)
    assert s_measure(np.full((H, W), 0.75), ALL) == 0.75
    perfect = result(ForegroundMeter(), (pairs[0][0], pairs[0][0]))
    assert (perfect["f_max"], perfect["mae"]) == (1, 0)
    assert perfect["s_measure"] == pytest.approx(1)


def test_linear_maps_are_scored_as_pictures_and_up_to_a_factor() -> None:
    t = (RNG.random((3, H, W)) * 4).astype(np.float32)
    valid = RNG.random((H, W)) < 0.8
    truth = Linear(rgb=t, valid=valid)
    for white in (1.0, None):
        w = white or float(np.percentile(t[:, valid], 98))
        x = (t * np.float32(0.5) + RNG.random(t.shape).astype(np.float32)) * np.float32(0.7)
        found = result(LinearMeter(white), (truth, Linear(rgb=x, valid=ALL)))
        pictures = [np.rint(255 * np.minimum(1, m[:, valid] / w) ** (1 / 2.2)) for m in (x, t)]
        mse = np.mean((pictures[0] - pictures[1]) ** 2)
        assert found["psnr"] == pytest.approx(10 * np.log10(255**2 / mse))
        flat = x[:, valid].ravel().astype(np.float64), t[:, valid].ravel().astype(np.float64)
        factor = np.linalg.lstsq(flat[0][:, None], flat[1], rcond=None)[0][0]
        rest = np.mean((factor * flat[0] - flat[1]) ** 2) / np.mean(flat[1] ** 2)
        assert found["si_rmse"] == pytest.approx(np.sqrt(rest))
        assert 0 < found["ssim"] < 1
        scaled = result(LinearMeter(white), (truth, Linear(rgb=3 * t, valid=ALL)))
        assert scaled["si_rmse"] < 1e-6
        black = result(LinearMeter(white), (truth, Linear(rgb=0 * t, valid=ALL)))
        assert black["si_rmse"] == 1
    assert linear.scale_invariant(t[0], t[0] * 0) is None
