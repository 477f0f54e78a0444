"""Normals of depth maps against the analytic normals of ray-cast scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipelines.demo import coco as scenes
from vbdata.core.surface import normals_from_depth
from vbdata.errors import BadSample

if TYPE_CHECKING:
    import torch


def no_sky() -> torch.Tensor:
    import torch

    return torch.zeros(40, 50, dtype=torch.bool)


def plane(
    normal: tuple[float, float, float], camera: tuple[float, float, float, float]
) -> torch.Tensor:
    """Planar depth of the plane n . P = -3 (it faces the camera), float64 [40, 50]."""
    import torch

    fx, fy, cx, cy = camera
    v, u = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")
    n = torch.tensor(normal, dtype=torch.float64)
    ray = torch.stack([(u - cx) / fx, (v - cy) / fy, torch.ones_like(u)]).double()
    return -3 / (n[:, None, None] * ray).sum(0)


@pytest.mark.parametrize(
    "normal", [(0, 0, -1), (0.6, 0, -0.8), (0, -0.96, -0.28), (0.48, -0.6, -0.64)]
)
def test_planes_are_exact_at_any_tilt(normal: tuple[float, float, float]) -> None:
    import torch

    camera = (60.0, 55.0, 24.5, 19.5)
    metres = plane(normal, camera)
    found = normals_from_depth(metres, metres > 0, camera, no_sky())
    inner = found.valid[1:-1, 1:-1] | (metres[1:-1, 1:-1] <= 0.5)
    assert inner.float().mean() > 0.9
    want = torch.tensor(normal)[:, None]
    assert float((found.xyz[:, found.valid] - want).abs().max()) < 1e-5
    assert not found.valid[0].any()
    assert not found.valid[:, -1].any()


def test_edges_and_holes_are_not_valid() -> None:
    import torch

    metres = torch.full((40, 50), 2.0)
    metres[:, 25:] = 3.0
    valid = torch.ones(40, 50, dtype=torch.bool)
    valid[10, 10] = False
    found = normals_from_depth(metres, valid, (50.0, 50.0, 25.0, 20.0), no_sky())
    assert not found.valid[:, 24:26].any()
    assert not found.valid[10, 9:12].any()
    assert not found.valid[9:12, 10].any()
    assert found.valid[20, 5:24].all()


def test_sparse_depth_is_refused() -> None:
    import torch

    metres = torch.full((40, 50), 2.0)
    valid = torch.rand(40, 50, generator=torch.Generator().manual_seed(0)) < 0.2
    with pytest.raises(BadSample, match="too sparse for normals"):
        normals_from_depth(metres, valid, (50.0, 50.0, 25.0, 20.0), no_sky())


@pytest.mark.slow
def test_ray_cast_scenes() -> None:
    import torch

    errors, covered = [], []
    for shot, _ in zip(scenes.truth(frames=4), range(4), strict=False):
        fx, fy, cx, cy = scenes_camera(shot.camera)
        frame = shot.frame
        metres = torch.from_numpy(frame.depth)
        sky = torch.isinf(metres)
        found = normals_from_depth(metres, ~sky, (fx, fy, cx, cy), sky)
        true = torch.from_numpy(frame.normals).permute(2, 0, 1)
        cosine = (found.xyz.double() * true).sum(0).clamp(-1, 1)[found.valid]
        errors.append(torch.rad2deg(torch.acos(cosine)))
        covered.append(float(found.valid.sum() / (~sky).sum()))
    angle = torch.cat(errors)
    assert float(angle.median()) < 0.1
    assert float((angle < 5).float().mean()) > 0.97
    assert np.mean(covered) > 0.7


def scenes_camera(camera: object) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy of a demo camera, from its pixel-to-ray matrix."""
    lens = np.linalg.inv(np.asarray(camera.lens))  # type: ignore[attr-defined]
    lens = lens / lens[2, 2]
    return float(lens[0, 0]), float(lens[1, 1]), float(lens[0, 2]), float(lens[1, 2])
