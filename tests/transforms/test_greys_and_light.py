"""Relative depth, mattes, foregrounds, albedo and shading: codes by the formula, edges, options."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from transforms import albedo, foreground, matte, relative_depth, shading
from vbdata import codecs
from vbdata.core.labels import Depth, Linear, Matte
from vbdata.core.rng import Stream
from vbdata.core.types import Entry, Geometry
from vbdata.errors import BadSample

RNG = np.random.default_rng(3)
ENTRY = Entry(id="a", group="g", width=40, height=30, license="x", files={}, labels=())
SPACES = {"inverse": lambda d: 1 / d, "log": lambda d: -np.log(d), "linear": lambda d: -d}


def depth(sky: bool) -> Depth:
    metres = np.exp(RNG.normal(1, 1, (30, 40))).astype(np.float32)
    valid = np.ones((30, 40), np.bool_)
    valid[-1], metres[0, 0] = False, np.nan
    metres[1] = np.inf if sky else 3
    return Depth(metres=metres, valid=valid)


def params_of(label: Depth, **options: str) -> dict[str, Any]:
    params = dict(relative_depth.ask(ENTRY, Stream(0), **options).params)
    return params | {"measured": relative_depth.measured(label, params)}


@pytest.mark.parametrize("sky", [False, True])
@pytest.mark.parametrize("near", relative_depth.ENDS)
@pytest.mark.parametrize("space", relative_depth.SPACES)
def test_relative_depth_is_its_formula(space: str, near: str, sky: bool) -> None:
    label = depth(sky)
    params = params_of(label, space=space, near=near, low="5", high="90")
    good = label.valid & (label.metres > 0)
    finite = np.sort(label.metres[good & np.isfinite(label.metres)].astype(np.float64))
    ends = [finite[math.floor((len(finite) - 1) * p + 0.5)] for p in (0.05, 0.9)]
    found = params["measured"]
    assert [float(np.float32(found[end])) for end in ("near", "far")] == ends
    assert found["sky"] is sky
    s = SPACES[space]
    with np.errstate(divide="ignore", invalid="ignore"):
        v = (s(label.metres.astype(np.float64)) - s(ends[1])) / (s(ends[0]) - s(ends[1]))
    code = np.rint(sky + (255 - sky) * np.clip(v, 0, 1))
    code[np.isposinf(label.metres)] = 0
    code = code if near == "white" else 255 - code
    rgb = relative_depth.render(label, params)
    assert (np.abs(rgb[good] - code[good][:, None]) <= 1).all()  # a tie may go either way
    assert (rgb[good] == code[good][:, None]).mean() > 0.999
    assert (rgb[~good] == (0, 0, 255)).all()
    back = relative_depth.decode(rgb, params)
    assert np.array_equal(back.valid, good)
    assert np.array_equal(np.isinf(back.metres) & good, np.isposinf(label.metres) & good)
    inside = good & (label.metres >= ends[0]) & (label.metres <= ends[1])
    step = abs(s(ends[0]) - s(ends[1])) / (255 - sky)
    off = np.abs(s(back.metres[inside].astype(np.float64)) - s(label.metres[inside]))
    assert off.max() <= 0.5001 * step + 1e-6
    assert 0.4 < relative_depth.roundtrip(label, rgb, params) <= relative_depth.TOLERANCE


def test_relative_depth_of_a_tiny_range_and_of_none() -> None:
    label = depth(False)
    flat = Depth(metres=np.full_like(label.metres, 7), valid=label.valid)
    with pytest.raises(BadSample, match="nothing is nearer than anything: percentiles 2 and 98"):
        params_of(flat)
    with pytest.raises(BadSample, match="no pixel has a finite depth"):
        params_of(Depth(metres=np.full_like(label.metres, np.inf), valid=label.valid))
    close = Depth(
        metres=RNG.uniform(10, 10.0001, label.metres.shape).astype(np.float32), valid=label.valid
    )
    params = params_of(close)
    rgb = relative_depth.render(close, params)
    assert relative_depth.roundtrip(close, rgb, params) <= relative_depth.TOLERANCE


def test_relative_depth_tells_wrong_pictures_and_prompts() -> None:
    label = depth(True)
    params = params_of(label)
    rgb = relative_depth.render(label, params)
    assert relative_depth.legal(rgb, params).all()
    for place, colour in (((5, 5), (0, 0, 255)), ((1, 3), (9, 9, 9)), ((29, 3), (9, 9, 9))):
        wrong = rgb.copy()
        wrong[place] = colour
        assert relative_depth.roundtrip(label, wrong, params) == math.inf, place
    assert not relative_depth.legal(rgb ^ np.array([0, 4, 0], np.uint8), params)[2:29].any()
    ask = relative_depth.ask(ENTRY, Stream(1), near="black")
    assert not relative_depth.unsaid(ask.instruction, ask.params)
    assert relative_depth.unsaid(ask.instruction, {**ask.params, "near": "white"})


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        (relative_depth, {"space": "disparity"}, "space is 'disparity'"),
        (relative_depth, {"near": "blue"}, "Known: black, white"),
        (relative_depth, {"low": "98", "high": "2"}, "low is below high"),
        (relative_depth, {"low": "-1"}, "from 0 to 100, got '-1'"),
        (albedo, {"curve": "linear"}, "curve is srgb or a gamma"),
        (shading, {"curve": "0"}, "curve is srgb or a gamma"),
        (shading, {"high": "most"}, "high is a percentage, got 'most'"),
        (shading, {"high": "nan"}, "from 0 to 100, got 'nan'"),
    ],
)
def test_options_that_cannot_be(task: Any, options: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        task.check_options(**options)


def test_mattes_lose_nothing_and_foregrounds_are_their_halves() -> None:
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    valid = alpha != 77
    label = Matte(alpha=alpha, valid=valid)
    rgb = matte.render(label, {})
    assert (rgb[valid] == alpha[valid][:, None]).all()
    assert (rgb[~valid] == (0, 0, 255)).all()
    back = matte.decode(rgb, {})
    assert np.array_equal(back.alpha[valid], alpha[valid])
    assert np.array_equal(back.valid, valid)
    assert matte.roundtrip(label, rgb, {}) == 0
    assert matte.roundtrip(label, np.where(rgb == 9, 11, rgb).astype(np.uint8), {}) == 2
    hard = foreground.render(label, {})
    assert np.array_equal((hard[valid] == 255).all(-1), alpha[valid] >= 128)
    assert foreground.legal(hard, {}).all()
    assert foreground.legal(rgb, {}).sum() == 3  # black, white and blue
    assert foreground.roundtrip(label, hard, {}) == 0


def test_a_matte_shrinks_by_what_is_covered() -> None:
    alpha = RNG.integers(0, 256, (12, 18), np.uint8)
    label = Matte(alpha=alpha, valid=np.ones(alpha.shape, np.bool_))
    half = Geometry(source=(18, 12), scaled=(6, 4), left=1, top=1, width=4, height=2)
    mean = alpha.reshape(4, 3, 6, 3).mean((1, 3))
    fitted = label.fit(half)
    assert np.array_equal(fitted.alpha, np.floor(mean + 0.5)[1:3, 1:5])
    assert fitted.valid.all()


def light(most: float) -> NDArray[np.float32]:
    return (RNG.random((3, 30, 40)) ** 3 * most).astype(np.float32)


@pytest.mark.parametrize("curve", ["2.2", "srgb", "1"])
def test_albedo_is_its_curve(curve: str) -> None:
    label = Linear(rgb=light(1), valid=RNG.random((30, 40)) < 0.9)
    x = label.rgb.astype(np.float64).transpose(1, 2, 0)
    bent = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    bent = bent if curve == "srgb" else x ** (1 / float(curve))
    rgb = albedo.render(label, {"curve": curve})
    assert np.array_equal(rgb[label.valid], np.rint(255 * bent)[label.valid])
    assert not rgb[~label.valid].any()
    assert 0.4 < albedo.roundtrip(label, rgb, {"curve": curve}) <= albedo.TOLERANCE
    assert albedo.roundtrip(label, rgb ^ np.uint8(2), {"curve": curve}) > albedo.TOLERANCE


def test_shading_ends_at_a_percentile_and_inverts_below_it() -> None:
    label = Linear(rgb=light(9), valid=np.ones((30, 40), np.bool_))
    params = dict(shading.ask(ENTRY, Stream(0), high="90").params)
    params["measured"] = shading.measured(label, params)
    top = float(params["measured"]["top"])
    assert top == pytest.approx(np.percentile(label.rgb, 90), rel=0.01)
    rgb = shading.render(label, params)
    assert np.array_equal(
        rgb, np.rint(255 * np.minimum(1, label.rgb / top) ** (1 / 2.2)).transpose(1, 2, 0)
    )
    back = shading.decode(rgb, params).rgb
    assert np.allclose(back ** (1 / 2.2), np.minimum(label.rgb, top) ** (1 / 2.2), atol=0.006)
    dark = Linear(rgb=label.rgb * 0, valid=label.valid)
    with pytest.raises(BadSample, match="percentile 90 of its light is 0"):
        shading.measured(dark, params)


def test_codecs_measure_what_their_decoders_need() -> None:
    metres = depth(True).metres
    with pytest.raises(codecs.CodecError, match="relative_depth needs params measured"):
        codecs.decode("relative_depth", codecs.encode("relative_depth", np.abs(metres)))
    params = codecs.full_params("relative_depth", metres)
    back = codecs.decode("relative_depth", codecs.encode("relative_depth", metres, params), params)
    seen = np.isfinite(metres)
    assert np.corrcoef(1 / back[seen], 1 / metres[seen])[0, 1] > 0.95
    assert np.isinf(back[1]).all()
    with pytest.raises(codecs.CodecError, match="numbers of albedo are below 0 or above 1"):
        codecs.encode("albedo", light(2).transpose(1, 2, 0))
    with pytest.raises(codecs.CodecError, match="a matte is uint8, got float64"):
        codecs.encode("matte", np.zeros((4, 4)))


def test_what_was_measured_is_held_against_the_target() -> None:
    label = depth(True)
    params, mask = params_of(label), relative_depth.valid(label, params_of(label))
    rgb, found = relative_depth.render(label, params), params["measured"]
    assert relative_depth.contradictions(rgb, mask, params) == []
    assert relative_depth.contradictions(np.maximum(rgb, 9), mask, params)
    for wrong in ({"near": found["far"]}, {"far": "inf"}, {"near": "-1"}, {"sky": "no"}):
        with pytest.raises(ValueError, match=r"never measured|near, space and sky"):
            relative_depth.contradictions(rgb, mask, params | {"measured": found | wrong})
    light = np.full((3, 2, 2), 0.5, np.float32)
    lit = Linear(rgb=light, valid=np.array([[True, False], [True, True]]))
    params = {"curve": "2.2", "measured": {"top": "0.5"}}
    for task in (albedo, shading):
        rgb = task.render(lit, params)
        assert task.contradictions(rgb, lit.valid, params) == []
        assert "1 pixels are painted" in task.contradictions(rgb | 1, lit.valid, params)[0]
    dim = shading.render(lit, {"curve": "2.2", "measured": {"top": "3"}})
    assert "no channel is 255" in shading.contradictions(dim, lit.valid, params)[0]
    with pytest.raises(ValueError, match="not for -1"):
        shading.decode(rgb, {"curve": "2.2", "measured": {"top": "-1"}})
