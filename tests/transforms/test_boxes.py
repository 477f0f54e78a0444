"""Boxes decode to the corners that they were drawn with, crossing and nested ones too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from transforms import boxes
from transforms.parts import rectangles
from vbdata.core.labels import Segments
from vbdata.core.rng import Stream
from vbdata.core.types import ClassFact, Entry, Expression
from vbdata.errors import BadSample

SIZE = (120, 160)
OWN = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]]
BLACK = [0, 0, 0]


def params(style: str, own: bool, count: int) -> dict[str, Any]:
    return {
        **{"class": "cat", "style": style, "background": BLACK},
        **{"colour": [] if own else [0, 192, 255], "palette": OWN[:count] if own else []},
    }


def label_of(corners: list[tuple[int, int, int, int]], *, crowd: bool = False) -> Segments:
    """Segments with these extents: of each box the main diagonal's two ends, which all show."""
    ids = np.zeros(SIZE, np.int32)
    for k, (x0, y0, x1, y1) in enumerate(corners, 1):
        ids[y0, x0 : x1 - 1 : 2] = ids[y1 - 1, x0 + 1 : x1 : 2] = k
        ids[y0:y1:2, x0] = ids[y0:y1:3, x1 - 1] = k
    return Segments(
        ids=ids, classes=("cat",) * len(corners), things=(True,) * len(corners),
        crowds=(crowd,) * len(corners), valid=np.ones(SIZE, bool),
    )  # fmt: skip


def truth(label: Segments) -> list[tuple[int, int, int, int]]:
    """The extents of each segment's pixels, by hand."""
    found = []
    for k in range(1, len(label.classes) + 1):
        y, x = np.nonzero(label.ids == k)
        found.append((int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1))
    return found


def drawn_or_refused(label: Segments, asked: dict[str, Any]) -> Any:
    """The target, None if the boxes could not be told apart."""
    try:
        return boxes.render(label, asked)
    except BadSample as bad:
        if bad.reason != "overlapping":
            raise
        return None


LAYOUTS = {
    "one": [(20, 10, 60, 90)],
    "apart": [(5, 5, 50, 50), (80, 60, 150, 110)],
    "crossing": [(20, 30, 110, 70), (50, 10, 80, 110)],
    "corners": [(10, 10, 80, 70), (50, 40, 140, 110), (30, 55, 70, 95)],
    "nested": [(5, 5, 150, 115), (30, 25, 100, 90), (45, 40, 75, 70)],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize(
    ("style", "own"), [("outline", True), ("filled", True), ("outline", False)]
)
def test_boxes_decode_exactly(
    layout: list[tuple[int, int, int, int]], style: str, own: bool
) -> None:
    label, asked = label_of(layout), params(style, own, len(layout))
    rgb = boxes.render(label, asked)
    wanted = truth(label)
    found = boxes.exact_corners(rgb, asked)[0]
    assert (found if own else sorted(found)) == (wanted if own else sorted(wanted))
    assert boxes.roundtrip(label, rgb, asked) == 0
    noise = np.random.default_rng(1).normal(0, 5, rgb.shape)
    noisy = np.clip(np.rint(rgb + noise), 0, 255).astype(np.uint8)
    if not own:
        assert sorted(boxes.corners(noisy, asked)[0]) == sorted(wanted)
    elif style == "outline":
        assert len(boxes.corners(noisy, asked)[0]) == len(wanted)


def test_random_boxes_decode_or_are_refused() -> None:
    rng = np.random.default_rng(0)
    drawn = {(own, style): 0 for own in (True, False) for style in ("outline", "filled")}
    for _ in range(12):
        low = rng.integers(0, 70, (4, 2))
        high = low + rng.integers(12, 50, low.shape)
        label = label_of([(*a, *b) for a, b in zip(low.tolist(), high.tolist(), strict=True)])
        for own, style in drawn:
            asked = params(style, own, 4)
            rgb = drawn_or_refused(label, asked)
            if rgb is not None:
                assert sorted(boxes.exact_corners(rgb, asked)[0]) == sorted(truth(label))
                drawn[own, style] += 1
    assert drawn[True, "outline"] > 10
    assert drawn[False, "outline"] > 8
    assert drawn[True, "filled"] > 6
    assert drawn[False, "filled"] < 6  # one colour, filled: what touches cannot be told


def test_what_cannot_be_told_is_refused() -> None:
    twice = [(10, 10, 60, 60), (10, 10, 60, 60)]
    label = label_of([twice[0]])
    ids = label.ids.copy()
    ids[10:60, 10:60] = np.indices((50, 50)).sum(0) % 2 + 1
    same = Segments(
        ids=ids, classes=("cat",) * 2, things=(True,) * 2, crowds=(False,) * 2, valid=label.valid
    )
    for style, own in (("outline", True), ("filled", True), ("outline", False), ("filled", False)):
        with pytest.raises(BadSample, match="overlapping"):
            boxes.render(same, params(style, own, 2))


def test_crowds_and_tiny_ones_are_not_drawn_and_not_valid() -> None:
    label = label_of([(20, 20, 60, 60)], crowd=True)
    asked = params("outline", True, 0)
    assert not boxes.render(label, asked).any()
    assert np.array_equal(boxes.valid(label, asked), label.ids == 0)


def test_a_segment_under_others_has_its_box_and_known_classes_have_no_void() -> None:
    ids = np.zeros(SIZE, np.int32)
    ids[20:60, 30:90] = 2
    label = Segments(
        ids=ids, classes=("cat", "box"), things=(True, True), crowds=(False, False), valid=ids > 0,
        under=(ids > 0).astype(np.int32), covered=((0,),),
    )  # fmt: skip
    asked = params("filled", True, 1)
    assert boxes.exact_corners(boxes.render(label, asked), asked)[0] == [(30, 20, 90, 60)]
    assert np.array_equal(boxes.valid(label, asked), ids > 0)
    assert boxes.valid(replace(label, known=("cat",)), asked).all()
    told = {**asked, "targets": [0]}
    assert np.array_equal(boxes.valid(replace(label, known=("cat",)), told), ids > 0)


def test_prompts_say_what_params_have() -> None:
    fact = ClassFact(name="cat", thing=True, instances=3, smallest=500)
    entry = Entry(
        id="a", group="a", width=160, height=120, license="", files={}, labels=(), classes=(fact,),
        expressions=(Expression(text="the left cat", targets=(1,)),),
    )  # fmt: skip
    seen = set()
    for k in range(400):
        ask = boxes.ask(entry, Stream(k), vocabulary=(("cat", True), ("dog", True)))
        assert boxes.unsaid(ask.instruction, ask.params) == []
        told, single = "targets" in ask.params, bool(ask.params["colour"])
        seen.add((told, ask.params["style"], single))
        assert not boxes.unsaid(ask.instruction, ask.params)
        if single and ask.params["style"] == "filled":
            assert told or ask.params["class"] == "dog"
    assert len(seen) == 8
    only = boxes.ask(entry, Stream(0), of="class", style="filled", colour="stated", negatives=0)
    assert only.params["style"] == "filled"
    assert only.params["colour"]
    assert boxes.unsaid("Draw nothing.", only.params)
    for option in ({"of": "x"}, {"style": "x"}, {"colour": "x"}):
        with pytest.raises(ValueError, match="unknown value 'x'"):
            boxes.check_options(**option)


def test_an_order_is_found_where_there_is_one() -> None:
    wide, tall = (0, 40, 100, 60), (40, 0, 60, 100)
    assert rectangles.order((100, 100), [wide, tall], None) is not None
    inner = (10, 45, 90, 55)
    assert rectangles.order((100, 100), [inner, wide], None) == [1, 0]
    assert rectangles.order((100, 100), [wide, wide], None) is None
