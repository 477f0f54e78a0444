"""Panoptic maps with crowds and spare colours; flow's code, its bounds, and how it shrinks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from transforms import flow, panoptic
from vbdata.core.labels import Flow, Segments
from vbdata.core.rng import Stream
from vbdata.core.types import ClassFact, Entry, Geometry
from vbdata.errors import BadSample

FACTS = (
    ClassFact(name="cat", thing=True, instances=2, smallest=9, parts=((0, 9), (1, 9), (2, -1))),
    ClassFact(name="sky", thing=False, instances=0, smallest=0, parts=((3, -1),)),
)
WORDS = (("cat", True), ("dog", True), ("sky", False), ("sea", False))


def entry(**more: object) -> Entry:
    fields = {"classes": FACTS, **more}
    return Entry(id="a", group="a", width=8, height=6, license="", files={}, labels=(), **fields)  # type: ignore[arg-type]


def segments(cats: int = 2) -> Segments:
    """Two cats, a crowd of cats, sky and a void."""
    ids = np.zeros((6, 8), np.int32)
    ids[0, :4], ids[1, :4], ids[2], ids[3] = 1, 2, 3, 4
    if cats > 2:
        ids[5] = 5
    valid = np.ones(ids.shape, bool)
    valid[4] = False
    return Segments(
        ids=ids, classes=("cat", "cat", "cat", "sky", "cat"),
        things=(True, True, True, False, True),
        crowds=(False, False, True, False, cats < 3), valid=valid,
    )  # fmt: skip


def test_each_thing_has_a_colour_and_crowds_have_one_that_no_prompt_says() -> None:
    label, spares = segments(), set()
    for k in range(9):
        ask = panoptic.ask(entry(), Stream(k), vocabulary=WORDS)
        legend = ask.params["legend"]
        assert panoptic.unsaid(ask.instruction, ask.params) == []
        turned = [item["rgb"] for item in legend[-1:] + legend[:-1]]
        moved = [{**item, "rgb": rgb} for item, rgb in zip(legend, turned, strict=True)]
        assert panoptic.unsaid(ask.instruction, {**ask.params, "legend": moved}) != []
        rgb = panoptic.render(label, ask.params)
        assert panoptic.roundtrip(label, rgb, ask.params) == 0
        found = panoptic.exact(rgb, ask.params)
        said = [
            (found.classes[i - 1], found.crowds[i - 1]) if (i := int(found.ids[row, 0])) else None
            for row in range(6)
        ]
        assert said == [("cat", False), ("cat", False), ("cat", True), ("sky", False), None, None]
        assert found.ids[0, 0] != found.ids[1, 0]
        mask = panoptic.valid(label, ask.params)
        assert mask.all(1).tolist() == [True, True, False, True, False, True]
        assert panoptic.contradictions(rgb, mask, ask.params) == []
        assert panoptic.contradictions(rgb, np.ones_like(mask), ask.params) != []
        answer = panoptic.decode(rgb, ask.params)
        assert not answer.ids[2].any()
        assert not answer.valid[2].any()
        spares.add(sum(item["name"] == "cat" and not item.get("crowd") for item in legend))
        hidden = next(item for item in legend if item.get("crowd"))
        assert str(tuple(hidden["rgb"])) not in ask.instruction
    assert spares == {2, 3, 4}
    with pytest.raises(BadSample, match="more than the 2 instances of 'cat' in the index"):
        panoptic.render(segments(3), panoptic.ask(entry(), Stream(0), spare=0).params)


def test_absent_classes_have_a_colour_that_is_not_there() -> None:
    asks = [panoptic.ask(entry(), Stream(k), vocabulary=WORDS, absent=1.0) for k in range(20)]
    for ask in asks:
        names = {item["name"] for item in ask.params["legend"]}
        assert names > {"cat", "sky"}
        assert names & {"dog", "sea"}
    with pytest.raises(ValueError, match="spare: a whole number"):
        panoptic.check_options(spare=-1)


def test_flow_is_its_formula_and_decodes_within_its_bound() -> None:
    rng = np.random.default_rng(4)
    angle, length = rng.uniform(0, 2 * math.pi, (2, 40, 50))
    length = np.square(length / (2 * math.pi)) * 300
    uv = np.stack([length * np.cos(angle), length * np.sin(angle)]).astype(np.float32)
    label, params = Flow(uv=uv, valid=rng.random((40, 50)) < 0.9), {"longest": 256}
    rgb, good = flow.render(label, params), flow.valid(label, params)
    assert np.array_equal(good, label.valid & (np.hypot(*uv) <= 256))
    assert (label.valid & ~good).sum() > 0
    assert not rgb[~good].any()
    root = np.sqrt(np.hypot(*uv) * 256)
    a, b = uv / np.maximum(root, 1e-9)
    lean = b * math.sqrt(3) / 2
    wanted = 127.5 * np.stack([1 + a, 1 - a / 2 + lean, 1 - a / 2 - lean], -1)
    assert np.abs(rgb - wanted)[good].max() <= 0.5 + 1e-3
    back = flow.decode(rgb, params)
    off = np.hypot(*(back.uv - uv))
    step = 2 / 3 / 127.5  # of (a, b)
    size = np.hypot(a, b)
    assert (off <= 256 * (2 * size * step + step * step) + 1e-2)[good].all()
    assert flow.roundtrip(label, rgb, params) <= flow.TOLERANCE
    assert flow.legal(rgb, params).all()
    assert np.array_equal(back.valid, good)


def test_flow_says_its_range_and_shrinks_with_the_image() -> None:
    asked = [flow.ask(entry(references=n), Stream(n), longest=64) for n in (0, 1)]
    assert [ask.params for ask in asked] == [{"longest": 64}, {"longest": 64, "references": 1}]
    assert all(flow.unsaid(ask.instruction, {"longest": 64}) == [] for ask in asked)
    assert flow.unsaid(asked[0].instruction, {"longest": 65})
    with pytest.raises(ValueError, match="longest"):
        flow.check_options(longest=0)
    uv = np.stack(np.meshgrid(np.arange(8.0), np.arange(6.0))).astype(np.float32)
    half = Geometry(source=(8, 6), scaled=(4, 2), left=1, top=0, width=2, height=2)
    found = Flow(uv=uv, valid=np.ones((6, 8), bool)).fit(half)
    assert found.uv[0].tolist() == [[3 / 2, 5 / 2]] * 2  # of the pixels 3 and 5, half as far
    assert found.uv[1, :, 0].tolist() == pytest.approx([1 / 3, 4 / 3])  # of 1 and 4, a third
