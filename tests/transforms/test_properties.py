"""decode(render(label)) is the label: arbitrary maps, sizes from 1x1, odd strides, all invalid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from transforms import depth, normals
from vbdata.core.labels import Depth, Normals, Segments, moved

if TYPE_CHECKING:
    import torch

sides = st.integers(1, 12)
palettes = st.sampled_from(["rgb-cube", "plasma", "inferno", "viridis", "grey"])
constants = st.sampled_from([("-3", "10/3"), ("-4", "120"), ("-1.5", "2")])


@st.composite
def maps(draw: st.DrawFn, elements: st.SearchStrategy[float]) -> torch.Tensor:
    """float32 [B, H, W] views with steps and transposed axes, so that nothing is contiguous."""
    import torch

    shape = (draw(st.integers(1, 2)), 2 * draw(sides), 3 * draw(sides))
    array = draw(hnp.arrays(np.float32, shape, elements=elements))
    view = torch.from_numpy(array)[:, ::2, ::3]
    return view.transpose(1, 2) if draw(st.booleans()) else view


anything = st.one_of(
    st.floats(width=32), st.floats(0, 100, width=32), st.sampled_from([np.inf, np.nan, -1.0, 0.0])
)


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(maps(anything), palettes, constants, st.booleans())
def test_depth(metres: torch.Tensor, palette: str, pair: tuple[str, str], none: bool) -> None:
    import torch

    valid = torch.zeros_like(metres, dtype=torch.bool) if none else metres == metres
    label = Depth(metres=metres, valid=valid)
    params = {"palette": palette, "lambda": pair[0], "c": pair[1]}
    rgb = depth.render(label, params)
    assert rgb.shape == (*metres.shape, 3)
    assert depth.roundtrip(label, rgb, params) <= depth.TOLERANCE
    back = depth.decode(rgb, params)
    assert torch.equal(back.valid, depth.valid(label, params))
    assert torch.equal(depth.render(back, params), rgb)


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(maps(st.floats(-1, 1, width=32)), st.integers(0, 2**32 - 1), st.booleans())
def test_normals(like: torch.Tensor, seed: int, none: bool) -> None:
    import torch

    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(*like.shape[:1], *like.shape[1:], 3))
    xyz = torch.from_numpy(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).float()
    sky = like > 0.5
    valid = torch.zeros_like(sky) if none else ~sky & (like > -0.8)
    label = Normals(xyz=xyz.movedim(-1, -3), valid=valid, sky=sky)
    rgb = normals.render(label, {})
    assert rgb.shape == (*like.shape, 3)
    assert normals.roundtrip(label, rgb, {}) <= normals.TOLERANCE
    back = normals.decode(rgb, {})
    assert torch.equal(back.valid, valid)
    assert torch.equal(back.sky, sky)


@settings(deadline=None, max_examples=60)
@given(sides, sides, sides, sides, st.integers(0, 2**32 - 1))
def test_labels_shrink_to_true_values_only(h: int, w: int, nh: int, nw: int, seed: int) -> None:
    import torch

    from vbdata.core.types import Geometry

    height, width = max(h, nh), max(w, nw)
    geometry = Geometry(source=(width, height), scaled=(nw, nh), left=0, top=0, width=nw, height=nh)
    ids = torch.from_numpy(np.random.default_rng(seed).integers(0, 5, (height, width))).int()
    flags = (True,) * 4
    label = Segments(
        ids=ids, classes=("a", "b", "c", "d"), things=flags, crowds=flags, valid=ids >= 0
    )
    small = moved(label, "cpu").fit(geometry).ids  # type: ignore[union-attr]
    assert small.shape == (nh, nw)
    for y in range(nh):
        for x in range(nw):
            at = ((2 * y + 1) * height // (2 * nh), (2 * x + 1) * width // (2 * nw))
            assert small[y, x] == ids[at]
