"""Joints decode to the pixel, however near they are, or are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from transforms import keypoints
from vbdata import plugins
from vbdata.core.labels import Keypoints
from vbdata.core.rng import Stream
from vbdata.core.types import ClassFact, Entry, Geometry
from vbdata.errors import BadSample

SIZE = (150, 200)


def persons(
    points: Any, visible: Any, crowds: Any = None, names: tuple[str, ...] = keypoints.JOINTS
) -> Keypoints:
    at = np.asarray(points, np.float32)
    return Keypoints(
        points=at, visible=np.asarray(visible, np.int8), boxes=np.zeros((len(at), 4), np.float32),
        areas=np.arange(1, len(at) + 1, dtype=np.float32) * 100,
        crowds=np.zeros(len(at), bool) if crowds is None else np.asarray(crowds),
        names=names, skeleton=((0, 1),), valid=np.ones(SIZE, bool),
    )  # fmt: skip


def drawn_or_refused(label: Keypoints, params: Any) -> Any:
    """The target, None if the joints lie too close."""
    try:
        return keypoints.render(label, params)
    except BadSample as bad:
        if bad.reason != "overlapping":
            raise
        return None


def entry(count: int, area: int = 5000) -> Entry:
    fact = ClassFact(name="person", thing=True, instances=count, smallest=area)
    return Entry(
        id="a", group="a", width=SIZE[1], height=SIZE[0], license="", files={}, labels=(),
        classes=(fact,) if count else (),
    )  # fmt: skip


def test_random_persons_decode_to_the_pixel_or_are_refused() -> None:
    rng, drawn, apart = np.random.default_rng(2), 0, 0.0
    for k in range(24):
        count = 1 + k % 4
        low = rng.uniform(0, 75, (count, 1, 2))
        points = low + rng.uniform(0, 70, (count, 17, 2))
        visible = rng.integers(0, 3, (count, 17))
        label = persons(points, visible)
        ask = keypoints.ask(entry(count), Stream(k), few=0.0)
        ask = plugins.with_measured(keypoints, label, ask)
        rgb = drawn_or_refused(label, ask.params)
        if rgb is None:
            continue
        drawn += 1
        found = keypoints.exact(rgb, ask.params)
        order = [keypoints.JOINTS.index(item["name"]) for item in ask.params["legend"]]
        assert np.array_equal(found.visible, label.visible[:, order])
        gap = np.abs(found.points - label.points[:, order])[found.visible > 0]
        apart = max(apart, float(gap.max()))
        assert found.areas.tolist() == label.areas.tolist()
        assert keypoints.roundtrip(label, rgb, ask.params) <= 0.5
        noise = rng.normal(0, 5, rgb.shape)
        answer = keypoints.decode(
            np.clip(np.rint(rgb + noise), 0, 255).astype(np.uint8), ask.params
        )
        assert len(answer.points) == (found.visible > 0).any(1).sum()
    assert drawn >= 20
    assert 0.4 < apart <= 0.5


def test_neighbours_one_pixel_apart_decode_and_one_pixel_for_two_is_refused() -> None:
    names = ("nose", "left_eye")
    asked = {
        "legend": [{"name": "left_eye", "rgb": [255, 0, 0]}, {"name": "nose", "rgb": [0, 255, 0]}],
        "palette": [[0, 0, 255]], "background": [0, 0, 0],
    }  # fmt: skip
    near = persons([[[50, 50], [51, 50]]], [[2, 1]], names=names)
    rgb = keypoints.render(near, asked)
    assert rgb[50, 50].tolist() == [0, 255, 0]  # the nose, seen
    assert rgb[50, 51].tolist() == [0, 0, 255]  # the eye has a hole: it is hidden
    assert keypoints.exact(rgb, asked).points.tolist() == [[[51, 50], [50, 50]]]
    with pytest.raises(BadSample, match=r"overlapping: .* lie too close"):
        keypoints.render(persons([[[50, 50], [50.4, 50]]], [[2, 2]], names=names), asked)
    with pytest.raises(BadSample, match="empty label"):
        keypoints.render(persons([[[500, 50], [0, 0]]], [[2, 0]], names=names), asked)
    with pytest.raises(BadSample, match="unknown category: no joint 'left_eye' among"):
        keypoints.render(persons([[[5, 5]]], [[2]], names=("paw",)), asked)
    with pytest.raises(BadSample, match="2 persons, 1 in the index"):
        keypoints.render(persons([[[5, 5]] * 2, [[9, 9]] * 2], [[2, 2]] * 2, names=names), asked)


def test_crowds_are_measured_and_not_drawn() -> None:
    label = persons([[[50, 50], [80, 50]], [[0, 0]] * 2], [[2, 2], [0, 0]], [False, True],
                    ("nose", "left_eye"))  # fmt: skip
    ask = keypoints.ask(entry(1), Stream(1), joints=["nose", "left_eye"], few=0.0)
    asked = plugins.with_measured(keypoints, label, ask).params
    found = keypoints.exact(keypoints.render(label, asked), asked)
    assert found.crowds.tolist() == [False, True]
    assert found.areas.tolist() == [100, 200]
    rgb, mask = keypoints.render(label, asked), keypoints.valid(label, asked)
    assert keypoints.contradictions(rgb, mask, asked) == []
    for wrong in ({"persons": []}, {"persons": [[1, 9, 9, 5, 5]]}, {"crowds": [["nan"] * 5]}):
        params = {**asked, "measured": {**asked["measured"], **wrong}}
        assert "that no label has" in keypoints.contradictions(rgb, mask, params)[0]
    assert keypoints.unsaid(ask.instruction, asked) == []
    assert len(keypoints.unsaid("Draw.", asked)) == 2
    small = keypoints.ask(entry(1, area=100), Stream(1), few=0.0)
    assert {item["name"] for item in small.params["legend"]}.isdisjoint(keypoints.FACE)
    for joints in ([], "nose", ["a", "a"]):
        with pytest.raises(ValueError, match="joints: "):
            keypoints.check_options(joints=joints)


def test_points_follow_the_middles_of_pixels() -> None:
    label = persons([[[10, 20], [199, 149]]], [[2, 1]], names=("nose", "left_eye"))
    half = Geometry(source=(200, 150), scaled=(100, 75), left=2, top=3, width=96, height=64)
    found = label.fit(half)
    assert found.points[0, 0].tolist() == [(10.5) / 2 - 0.5 - 2, (20.5) / 2 - 0.5 - 3]
    assert found.visible.tolist() == [[2, 0]]  # the other is cropped away
    assert found.areas.tolist() == [25]
    assert found.valid.shape == (64, 96)
