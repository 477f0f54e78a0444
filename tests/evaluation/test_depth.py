"""Depth, normals and edited images: formulas by hand, by slow references, and at their edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vbdata.core.labels import Depth, Normals
from vbdata.core.types import Geometry
from vbdata.evaluation.evaluate import EvaluationOptions
from vbdata.evaluation.metrics.depth import DepthMeter, aligned, crop_mask, depth_scores
from vbdata.evaluation.metrics.images import ImagesMeter, psnr, ssim
from vbdata.evaluation.metrics.normals import NormalsMeter, angles
from vbdata.evaluation.protocols import protocols, published


def same(width: int, height: int) -> Geometry:
    size = (width, height)
    return Geometry(source=size, scaled=size, left=0, top=0, width=width, height=height)


def f32(*rows: list[float]) -> Any:
    return np.array(rows, np.float32)


def scored(metres: Any, truth: Any, cap: float = 80.0, align: str = "none") -> dict[str, Any]:
    found = depth_scores(metres, truth, np.isfinite(truth), cap, align)
    assert found is not None
    return found


def test_depth_by_hand() -> None:
    found = scored(f32([2.0, 2.0, 4.0]), f32([1.0, 2.0, 5.0]))
    logs = [math.log(2), 0.0, math.log(0.8)]
    mean_square = sum(x * x for x in logs) / 3
    assert found["absrel"] == pytest.approx((1 + 0 + 0.2) / 3)
    assert found["sqrel"] == pytest.approx((1 + 0 + 0.2) / 3)
    assert found["rmse"] == pytest.approx(math.sqrt(2 / 3))
    assert found["rmse_log"] == pytest.approx(math.sqrt(mean_square))
    assert found["log10"] == pytest.approx((math.log10(2) + math.log10(1.25)) / 3)
    assert found["silog"] == pytest.approx(
        100 * math.sqrt(mean_square - (sum(logs) / 3) ** 2), rel=1e-6
    )
    # 2 is beyond all three thresholds; 1.25 is not below 1.25, but below 1.25 ** 2
    assert [found[f"delta{k}"] for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 2 / 3])


def test_silog_is_blind_to_scale() -> None:
    truth = f32([1.0, 3.0, 9.0])
    found = scored(truth * 2, truth)
    assert found["silog"] == pytest.approx(0, abs=1e-3)
    assert found["rmse_log"] == pytest.approx(math.log(2), rel=1e-6)


def test_answers_are_clipped_and_sky_counts_as_the_cap() -> None:
    truth = f32([5.0, 5.0, 5.0, np.inf, 90.0])
    answer = f32([np.inf, 1000.0, 0.0, 5.0, 5.0])
    found = scored(answer, truth, cap=10.0)
    assert found["absrel"] == pytest.approx((1 + 1 + (5 - 0.001) / 5) / 3)


def test_no_pixel_to_score_defines_nothing() -> None:
    truth = f32([np.inf, 200.0, 0.0])
    assert depth_scores(truth, truth, np.ones((1, 3), bool), 80.0) is None
    meter = DepthMeter(80.0, None, "none")
    label = Depth(metres=truth, valid=np.ones((1, 3), np.bool_))
    meter.add(label, label, same(3, 1))
    assert meter.result() == {}


def test_the_mean_is_over_images_not_pixels() -> None:
    meter = DepthMeter(80.0, None, "none")
    for width, factor in ((1, 2.0), (3, 1.0)):
        truth = np.full((1, width), 2, np.float32)
        valid = np.ones((1, width), np.bool_)
        meter.add(
            Depth(metres=truth, valid=valid),
            Depth(metres=truth * factor, valid=valid),
            same(width, 1),
        )
    assert meter.result()["absrel"] == pytest.approx(0.5)  # pooled it would be 0.25


@pytest.mark.parametrize(
    ("align", "change"),
    [("median", lambda t: t * 3), ("least-squares", lambda t: t * 0.25 + 7)],
)
def test_alignment_undoes_what_it_fits(align: str, change: Any) -> None:
    truth = f32([1.0, 2.0, 4.0, 8.0, 9.5])
    assert scored(change(truth), truth, align=align)["absrel"] == pytest.approx(0, abs=1e-6)
    assert scored(change(truth), truth)["absrel"] > 0.1


def test_least_squares_is_numpys() -> None:
    rng = np.random.default_rng(0)
    d, t = rng.random(50).astype(np.float32), rng.random(50).astype(np.float32)
    scale, shift = np.linalg.lstsq(np.stack([d, np.ones(50)], 1), t, rcond=None)[0]
    np.testing.assert_allclose(aligned(d, t, "least-squares"), d * scale + shift, rtol=1e-5)
    flat = aligned(np.ones(50, np.float32), t, "least-squares")
    np.testing.assert_allclose(flat, t.mean(), rtol=1e-6)
    with pytest.raises(ValueError, match="known: none, median, least-squares"):
        aligned(d, t, "affine")


def test_crops_are_those_of_the_benchmarks() -> None:
    def box(crop: str, dataset: str, width: int, height: int) -> tuple[int, ...]:
        known = protocols([dataset], EvaluationOptions(crop=crop))
        mask = crop_mask(known[dataset].shares, same(width, height))
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1

    assert box("garg", "kitti", 1242, 375) == (153, 371, 44, 1197)
    assert box("eigen", "kitti", 1242, 375) == (124, 342, 44, 1197)
    assert box("eigen-indoor", "nyuv2", 640, 480) == (45, 471, 41, 601)
    assert box("none", "kitti", 7, 5) == (0, 5, 0, 7)


def test_a_crop_is_taken_in_the_frame_of_the_source() -> None:
    geometry = Geometry(source=(100, 40), scaled=(50, 20), left=10, top=5, width=30, height=10)
    mask = crop_mask((0.5, 1.0, 0.0, 0.4), geometry)
    # output row r is source row 2 (r + 5) + 1, output column c source column 2 (c + 10) + 1
    assert np.flatnonzero(mask.any(1)).tolist() == list(range(5, 10))
    assert np.flatnonzero(mask.any(0)).tolist() == list(range(10))


def test_protocols_come_from_the_benchmark_unless_said() -> None:
    known = protocols(["kitti", "nyuv2", "elsewhere"], EvaluationOptions())
    assert {n: (p.max_depth, p.crop) for n, p in known.items()} == {
        "kitti": (80.0, "garg"),
        "nyuv2": (10.0, "eigen-indoor"),
        "elsewhere": (80.0, "none"),
    }
    assert [one["value"] for one in published("classes", "cityscapes")] == [0.699]
    assert published("classes", "coco") == []


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_invalid_pixels_do_not_matter_and_perfection_is_perfect(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.5, 60, (6, 7)).astype(np.float32)
    valid = rng.random((6, 7)) < 0.6
    valid[0, 0] = True
    answer = (truth * rng.uniform(0.5, 2, (6, 7))).astype(np.float32)
    other = np.where(valid, answer, np.float32(np.nan))
    assert depth_scores(answer, truth, valid, 80.0) == depth_scores(other, truth, valid, 80.0)
    perfect = depth_scores(truth, truth, valid, 80.0)
    assert perfect is not None
    assert [perfect[f"delta{k}"] for k in (1, 2, 3)] == [1, 1, 1]
    assert not any(v for name, v in perfect.items() if not name.startswith("delta"))


def unit(*rows: list[float]) -> Any:
    xyz = np.array(rows, np.float32).T
    return (xyz / np.linalg.norm(xyz, axis=0)).astype(np.float32)


def normals(xyz: Any, valid: Any = None) -> Normals:
    good = np.ones((1, xyz.shape[1]), np.bool_)
    good = good if valid is None else np.array([valid])
    return Normals(xyz=xyz[:, None], valid=good, sky=~good)


def test_angles_by_hand() -> None:
    one = unit([0, 0, 1], [0, 0, 1], [0, 0, 1], [1, 0, 0])
    other = unit([0, 0, 1], [0, 1, 1], [1, 0, 0], [-1, 0, 0])
    np.testing.assert_allclose(angles(one, other), [0, 45, 90, 180], atol=0.03)
    tilt = math.radians(0.01)
    small = angles(unit([0, 0, 1]), unit([math.sin(tilt), 0, math.cos(tilt)]))
    assert float(small[0]) == pytest.approx(0.01, rel=1e-3)  # an arc cosine would say 0 or 0.02


def test_normals_are_pooled_over_pixels() -> None:
    rng = np.random.default_rng(1)
    meter, parts = NormalsMeter(), []
    for n in (5, 4000):
        truth, answer = rng.normal(size=(2, n, 3))
        answer = truth + 0.2 * answer
        t, a = unit(*truth.tolist()), unit(*answer.tolist())
        valid = (rng.random(n) < 0.7).tolist()
        meter.add(normals(t, valid), normals(a), same(n, 1))
        cosine = (t.astype(np.float64) * a).sum(0)[valid]
        parts.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    pooled, found = np.concatenate(parts), meter.result()
    assert found["mean"] == pytest.approx(pooled.mean(), abs=2e-3)
    assert found["rmse"] == pytest.approx(math.sqrt((pooled**2).mean()), abs=2e-3)
    assert found["median"] == pytest.approx(np.median(pooled), abs=0.011)
    for limit in (5, 7.5, 11.25, 22.5, 30):
        assert found[f"below_{limit:g}"] == pytest.approx(100 * (pooled < limit).mean(), abs=0.03)
    assert found["rejected"] == 0


def test_normals_merge_in_any_split_and_know_emptiness() -> None:
    rng = np.random.default_rng(2)
    lines = [unit(*rng.normal(size=(9, 3)).tolist()) for _ in range(4)]
    whole, first, second = NormalsMeter(), NormalsMeter(), NormalsMeter()
    for k in (0, 2):
        for meter in (whole, first if k else second):
            meter.add(normals(lines[k]), normals(lines[k + 1]), same(9, 1))
    second.merge(first)
    assert second.result() == whole.result()
    assert set(NormalsMeter().result().values()) == {None}
    perfect = NormalsMeter()
    perfect.add(normals(lines[0]), normals(lines[0]), same(9, 1))
    assert perfect.result()["rmse"] == perfect.result()["median"] == 0
    assert perfect.result()["below_5"] == 100


def slow_ssim(one: Any, other: Any) -> float:
    """The definition, window by window, in double precision."""
    at = np.arange(11) - 5
    line = np.exp(-(at**2) / (2 * 1.5**2))
    weights = np.outer(line, line) / np.outer(line, line).sum()
    values = []
    for channel in range(3):
        for y in range(one.shape[0] - 10):
            for x in range(one.shape[1] - 10):
                a, b = (i[y : y + 11, x : x + 11, channel].astype(float) for i in (one, other))
                ma, mb = (weights * a).sum(), (weights * b).sum()
                va, vb = (weights * (a - ma) ** 2).sum(), (weights * (b - mb) ** 2).sum()
                cov = (weights * (a - ma) * (b - mb)).sum()
                c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
                values.append(
                    (2 * ma * mb + c1)
                    * (2 * cov + c2)
                    / ((ma * ma + mb * mb + c1) * (va + vb + c2))
                )
    return float(np.mean(values))


def test_images_by_hand_and_by_definition() -> None:
    rng = np.random.default_rng(3)
    one = rng.integers(0, 256, (17, 19, 3), dtype=np.uint8)
    other = np.clip(one.astype(int) + rng.integers(-30, 31, one.shape), 0, 255).astype(np.uint8)
    square = ((one.astype(float) - other) ** 2).mean()
    assert psnr(one, other) == pytest.approx(10 * math.log10(255**2 / square))
    assert ssim(one, other) == pytest.approx(slow_ssim(one, other), abs=1e-4)
    assert (psnr(one, one), ssim(one, one)) == (100.0, 1.0)
    black = np.zeros_like(one)
    assert psnr(black, black + 255) == pytest.approx(0.0)
    small = one[:10]
    assert ssim(small, small) is None
    meter = ImagesMeter()
    meter.add(small, small, same(19, 10))
    assert meter.result() == {"psnr": 100.0, "ssim": None}
