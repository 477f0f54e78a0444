"""Normals and semantic colours: signs, round trips, colours that stay apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from transforms import normals
from transforms.parts import colours
from vbdata.core.labels import Normals
from vbdata.core.rng import Stream

if TYPE_CHECKING:
    import torch


def one_normal(x: float, y: float, z: float) -> list[int]:
    import torch

    xyz = torch.tensor([x, y, z]).reshape(3, 1, 1)
    yes = torch.ones(1, 1, dtype=torch.bool)
    return normals.render(Normals(xyz=xyz, valid=yes, sky=~yes), {})[0, 0].tolist()


def test_normals_have_the_papers_signs() -> None:
    # OpenCV camera frame: left is -x, up is -y, toward the camera is -z
    assert one_normal(-1, 0, 0) == [255, 128, 128]
    assert one_normal(0, -1, 0) == [128, 255, 128]
    assert one_normal(0, 0, -1) == [128, 128, 255]
    assert one_normal(1, 0, 0) == [0, 128, 128]


def random_normals(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    import torch

    vectors = np.random.default_rng(seed).normal(size=(*shape[:-2], 3, *shape[-2:]))
    return torch.from_numpy(vectors / np.linalg.norm(vectors, axis=-3, keepdims=True)).float()


def test_normals_round_trip_within_the_step_of_8_bits() -> None:
    import torch

    xyz = random_normals(0, (2, 64, 65))
    yes = torch.ones(2, 64, 65, dtype=torch.bool)
    back = normals.decode(normals.render(Normals(xyz=xyz, valid=yes, sky=~yes), {}), {})
    cosine = (back.xyz.double() * xyz.double()).sum(-3).clamp(-1, 1)
    # half a step of 2/255 in each of three channels
    assert float(torch.rad2deg(torch.acos(cosine)).max()) < np.rad2deg(np.sqrt(3) / 255) + 0.01
    assert bool(back.valid.all())


def test_invalid_normals_and_sky_are_told_apart() -> None:
    import torch

    xyz = random_normals(1, (1, 3))
    xyz[:, 0, 2] = torch.nan
    valid = torch.tensor([[True, False, False]])
    sky = torch.tensor([[False, True, False]])
    rgb = normals.render(Normals(xyz=xyz, valid=valid, sky=sky), {})
    assert rgb[0, 1].tolist() == [255, 0, 255]
    assert rgb[0, 2].tolist() == [128, 128, 128]
    back = normals.decode(rgb, {})
    assert (back.valid.tolist(), back.sky.tolist()) == (valid.tolist(), sky.tolist())
    assert normals.legal(rgb, {}).all()
    assert not normals.legal(torch.tensor([[[0, 0, 0]]], dtype=torch.uint8), {}).any()


@pytest.mark.parametrize(
    ("count", "apart"), [(2, 109), (8, 109), (16, 89), (24, 89), (32, 64), (64, 63)]
)
def test_drawn_colours_stay_apart(count: int, apart: float) -> None:
    for seed in range(20):
        drawn = np.array(colours.draw(count, Stream(seed), colours.lattice()))
        between = np.linalg.norm(drawn[:, None] - drawn[None], axis=-1) + 1e9 * np.eye(count)
        assert between.min() >= apart
        assert np.linalg.norm(drawn, axis=-1).min() >= min(apart, 63)


def test_a_pool_that_is_too_small() -> None:
    with pytest.raises(ValueError, match="125 colours from a pool of 125"):
        colours.draw(125, Stream(0), colours.lattice())


def test_roundtrip_is_the_largest_angle() -> None:
    import torch

    xyz = random_normals(2, (20, 30))
    yes = torch.ones(20, 30, dtype=torch.bool)
    label = Normals(xyz=xyz, valid=yes, sky=~yes)
    rgb = normals.render(label, {})
    assert 0.1 < normals.roundtrip(label, rgb, {}) <= normals.TOLERANCE
    turned = rgb.clone()
    turned[3, 4] = torch.tensor([255, 128, 128], dtype=torch.uint8)
    angle = torch.rad2deg(torch.acos(-xyz[0, 3, 4]))
    assert normals.roundtrip(label, turned, {}) == pytest.approx(float(angle), abs=0.6)
    turned[3, 4] = torch.tensor(normals.SKY, dtype=torch.uint8)
    assert normals.roundtrip(label, turned, {}) == np.inf
