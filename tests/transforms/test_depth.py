"""Depth codes against an exact oracle and against an independent implementation."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import depth
from transforms.parts import depth_codes as codes
from transforms.parts.palettes import PALETTES
from vbdata.core.labels import Depth
from vbdata.core.rng import Stream
from vbdata.core.types import Entry

if TYPE_CHECKING:
    import torch

PARAMS = {"palette": depth.WALK, "lambda": depth.LAMBDA, "c": depth.C}
WALK = PALETTES[depth.WALK].colours
CUTS, DEPTHS = codes.thresholds(len(WALK), depth.LAMBDA, depth.C)


def nearest(rgb: torch.Tensor, palette: str = depth.WALK) -> tuple[torch.Tensor, torch.Tensor]:
    return codes.nearest(rgb, codes.tables("cpu", palette, depth.LAMBDA, depth.C))


def codes_of(metres: np.ndarray) -> np.ndarray:
    import torch

    label = Depth(
        metres=torch.from_numpy(metres.astype(np.float32)), valid=torch.ones(metres.shape) > 0
    )
    return nearest(depth.render(label, PARAMS))[0].numpy()


def exact_code(metres: float) -> int:
    """round(1785 f(d)) to 60 digits, f as in the paper."""
    with localcontext() as context:
        context.prec = 60
        f = 1 - (1 + Decimal(metres) / 10) ** -2
        return int(f * 1785 + Decimal("0.5"))


def test_corner_depths_are_those_of_the_paper() -> None:
    corners = DEPTHS[::255]
    want = [0, 0.8012, 1.8322, 3.2288, 5.2753, 8.7083, 16.4575, np.inf]
    np.testing.assert_allclose(corners, want, atol=5e-5)
    assert DEPTHS[-6:].round().tolist() == [179, 201, 234, 289, 412, np.inf]


def test_the_walk_visits_1786_colours_one_step_apart() -> None:
    walk = WALK.astype(int)
    assert len(np.unique(walk, axis=0)) == len(walk) == 1786
    assert (np.abs(np.diff(walk, axis=0)).sum(1) == 1).all()
    assert walk[::255].tolist() == [
        [0, 0, 0], [255, 0, 0], [255, 255, 0], [0, 255, 0],
        [0, 255, 255], [0, 0, 255], [255, 0, 255], [255, 255, 255],
    ]  # fmt: skip


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.floats(0, 2000, width=32))
def test_every_float32_gets_the_correctly_rounded_code(metres: float) -> None:
    assert codes_of(np.array([[metres]]))[0, 0] == exact_code(metres)


def test_codes_are_exact_on_both_sides_of_every_threshold() -> None:
    cuts = CUTS
    below = np.nextafter(cuts, np.float32(0))
    assert codes_of(cuts[None])[0].tolist() == list(range(1, 1786))
    assert codes_of(below[None])[0].tolist() == list(range(1785))
    for k in range(0, 1785, 37):
        assert exact_code(float(cuts[k])) == k + 1
        assert exact_code(float(below[k])) == k


def test_round_trip_is_within_half_a_code() -> None:
    import torch

    metres = np.random.default_rng(0).uniform(0, 150, (300, 300)).astype(np.float32)
    label = Depth(metres=torch.from_numpy(metres), valid=torch.ones(300, 300) > 0)
    back = depth.decode(depth.render(label, PARAMS), PARAMS)
    assert bool(back.valid.all())
    f = [1 - (1 + d.double() / 10) ** -2 for d in (label.metres, back.metres)]
    assert float((f[0] - f[1]).abs().max()) * 1785 <= 0.5 + 1e-4


@pytest.mark.slow
def test_hilbertmap_agrees() -> None:
    import hilbertmap
    import torch

    rng = np.random.default_rng(1)
    metres = rng.uniform(0, 80, 200_000).astype(np.float32).reshape(400, 500)
    label = Depth(metres=torch.from_numpy(metres), valid=torch.ones(400, 500) > 0)
    ours = depth.render(label, PARAMS).numpy().astype(int)
    theirs = hilbertmap.depth_to_rgb(metres.astype(np.float64)) * 255
    assert np.abs(ours - theirs).max() <= 0.5 + 1e-6
    assert (ours == np.rint(theirs)).all(-1).mean() > 0.9999
    decoded = hilbertmap.rgb_to_depth(ours / 255)
    back = depth.decode(torch.from_numpy(ours.astype(np.uint8)), PARAMS).metres.numpy()
    np.testing.assert_allclose(decoded, back, atol=1.5e-4)


def test_invalid_nan_negative_and_infinite() -> None:
    import torch

    metres = torch.tensor([[np.nan, -1.0, np.inf, 1e9, 0.0, 5.0]])
    valid = torch.tensor([[True, True, True, True, True, False]])
    rgb = depth.render(Depth(metres=metres, valid=valid), PARAMS)
    assert rgb[0].tolist() == [[128] * 3, [128] * 3, [255] * 3, [255] * 3, [0] * 3, [128] * 3]
    back = depth.decode(rgb, PARAMS)
    assert back.valid[0].tolist() == [False, False, True, True, True, False]
    assert back.metres[0, 2] == torch.inf
    assert depth.valid(Depth(metres=metres, valid=valid), PARAMS)[0].tolist() == [
        False, False, True, True, True, False,
    ]  # fmt: skip


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_nearest_is_the_nearest_of_all_codes(rgb: tuple[int, int, int]) -> None:
    import torch

    walk = WALK.astype(int)
    best = np.square(walk - np.array(rgb)).sum(1)
    code, squared = nearest(torch.tensor([[rgb]], dtype=torch.uint8))
    if rgb == PALETTES[depth.WALK].invalid:
        assert int(code) == len(walk)
        assert int(squared) > PALETTES[depth.WALK].reject ** 2
    else:
        assert int(squared) == best.min() == best[int(code)]


@pytest.mark.slow
def test_batches_and_other_constants() -> None:
    import torch

    params = {"palette": "rgb-cube", "lambda": "-4", "c": "120"}
    metres = torch.rand(2, 3, 8, 9) * 400
    label = Depth(metres=metres, valid=torch.ones(metres.shape) > 0)
    rgb = depth.render(label, params)
    assert rgb.shape == (2, 3, 8, 9, 3)
    f = [1 - (1 + d.double() / 480) ** -3 for d in (metres, depth.decode(rgb, params).metres)]
    assert float((f[0] - f[1]).abs().max()) * 1785 <= 0.5 + 1e-3


@pytest.mark.parametrize(("lambda_", "c"), [("-1", "1"), ("2", "1"), ("-3", "0"), ("-3", "-1")])
def test_constants_that_cover_no_range(lambda_: str, c: str) -> None:
    with pytest.raises(ValueError, match="lambda < -1 and c > 0"):
        codes.thresholds(len(WALK), lambda_, c)


@pytest.mark.parametrize("palette", depth.OTHERS)
def test_other_palettes_round_trip_and_know_their_invalid_colour(palette: str) -> None:
    import torch

    params = PARAMS | {"palette": palette}
    metres = torch.from_numpy(np.geomspace(0.01, 2000, 6000).astype(np.float32)).reshape(60, 100)
    label = Depth(metres=metres, valid=torch.arange(6000).reshape(60, 100) % 7 > 0)
    rgb = depth.render(label, params)
    back = depth.decode(rgb, params)
    assert (back.valid == label.valid).all()
    assert depth.roundtrip(label, rgb, params) <= depth.TOLERANCE
    assert depth.legal(rgb, params).all()
    count = len(PALETTES[palette].colours)
    f = [1 - (1 + d.double() / 10) ** -2 for d in (metres, back.metres)]
    assert float((f[0] - f[1])[label.valid].abs().max()) * (count - 1) <= 0.5 + 1e-4


@pytest.mark.parametrize("palette", ["plasma", "inferno", "viridis"])
def test_the_maps_are_those_of_matplotlib(palette: str) -> None:
    import matplotlib

    theirs = matplotlib.colormaps[palette](np.arange(256))[:, :3] * 255
    ours = PALETTES[palette].colours.astype(float)
    apart = np.abs(theirs[:, None] - ours[None]).max(-1).min(1)
    assert apart.max() <= 0.5
    assert 254 <= len(np.unique(ours, axis=0)) == len(ours)


@pytest.mark.parametrize("palette", PALETTES)
def test_invalid_is_far_from_every_code(palette: str) -> None:
    import torch

    chosen = PALETTES[palette]
    gap = np.linalg.norm(chosen.colours.astype(int) - chosen.invalid, axis=1).min()
    assert gap >= 179
    assert chosen.reject <= gap / 2
    grid = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    code, squared = nearest(torch.from_numpy(grid), palette)
    best = np.square(grid[..., None, :].astype(int) - chosen.colours).sum(-1)
    assert (squared.numpy() == best.min(-1)).all()
    assert (code.numpy() == best.argmin(-1)).all()


def test_roundtrip_sees_a_wrong_code_and_a_lost_pixel() -> None:
    import torch

    metres = torch.full((4, 4), 3.0)
    label = Depth(metres=metres, valid=torch.ones(4, 4) > 0)
    rgb = depth.render(label, PARAMS)
    assert depth.roundtrip(label, rgb, PARAMS) <= 0.5
    wrong = rgb.clone()
    wrong[0, 0] = torch.from_numpy(WALK[int(nearest(rgb)[0][0, 0]) + 1])
    assert 0.5 < depth.roundtrip(label, wrong, PARAMS) <= 1.5
    wrong[0, 0] = 128
    assert depth.roundtrip(label, wrong, PARAMS) == np.inf


def test_distance_lets_a_caller_reject() -> None:
    import torch

    rgb = torch.tensor([[[255, 0, 0], [255, 10, 0], [240, 30, 40], [128, 128, 128]]])
    label, distance = depth.decode_with_distance(rgb.to(torch.uint8), PARAMS)
    assert distance[0].tolist() == pytest.approx([0, 0, 42.72, 178], abs=0.01)
    assert label.valid[0].tolist() == [True, True, True, False]


def test_the_share_of_other_palettes_and_the_prompt_name_them() -> None:
    entry = Entry(id="e", group="g", width=1, height=1, license="x", files={}, labels=("depth",))
    asks = [depth.ask(entry, Stream(k)) for k in range(2000)]
    other = [a for a in asks if a.params["palette"] != depth.WALK]
    assert 0.17 < len(other) / len(asks) < 0.23
    assert {a.params["palette"] for a in other} == set(depth.OTHERS)
    for ask in other:
        name = ask.params["palette"]
        assert name in ask.instruction.lower() or (name == "grey" and "gr" in ask.instruction)
    assert all("magenta" in a.instruction for a in asks if a.params["palette"] == depth.WALK)
    only = [depth.ask(entry, Stream(k), other_palettes=0.0).params["palette"] for k in range(50)]
    assert set(only) == {depth.WALK}
