"""Classes and regions: confusion by names, referring IoUs, and their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vbdata.core.labels import Segments
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.classes import ClassesMeter
from vbdata.evaluation.metrics.regions import RegionsMeter

ANY = Geometry(source=(1, 1), scaled=(1, 1), left=0, top=0, width=1, height=1)


def segments(ids: Any, names: tuple[str, ...], valid: Any = None) -> Segments:
    at = np.array(np.atleast_2d(ids), np.int32)
    good = np.ones_like(at, np.bool_) if valid is None else np.atleast_2d(valid)
    off = (False,) * len(names)
    return Segments(ids=at, classes=names, things=off, crowds=off, valid=good)


def classes(*pairs: tuple[Any, Any, tuple[str, ...]]) -> ClassesMeter:
    meter = ClassesMeter()
    for truth, answer, names in pairs:
        meter.add(segments(truth, names), segments(answer, names), ANY)
    return meter


def test_names_are_counted_not_places() -> None:
    meter = classes(
        ([1, 1, 2, 0], [1, 2, 2, 0], ("cat", "dog")),
        ([2, 2, 1, 1], [2, 2, 1, 0], ("dog", "cat")),
    )
    # right / claimed by either: cat 1 + 2 of 2 + 2, dog 1 + 1 of 2 + 2, background 1 + 0 of 1 + 1
    assert meter.per_class() == {"": 1 / 2, "cat": 3 / 4, "dog": 1 / 2}
    found = meter.result()
    assert found["miou"] == pytest.approx(0.625)
    assert found["miou_background"] == pytest.approx((0.5 + 0.75 + 0.5) / 3)
    assert found["pixel_accuracy"] == pytest.approx(6 / 8)


def test_absent_names() -> None:
    silent = classes(([1, 0], [1, 0], ("cat", "dog"))).result()
    assert (silent["miou"], silent["names"]) == (1.0, 1.0)  # dog: neither true nor answered
    loud = classes(([1, 0], [1, 2], ("cat", "dog"))).result()
    assert (loud["miou"], loud["names"]) == (0.5, 2.0)


def test_void_is_not_counted_and_rejected_colours_are_wrong() -> None:
    meter = ClassesMeter()
    truth = segments([1, 1, 1, 0], ("cat",), [True, True, False, True])
    answer = segments([1, 1, 0, 0], ("cat",), [True, False, True, True])
    meter.add(truth, answer, ANY)
    found = meter.result()
    assert found["miou"] == pytest.approx(0.5)  # the rejected pixel is missed, the void is free
    assert found["miou_background"] == pytest.approx((0.5 + 1) / 2)
    assert found["pixel_accuracy"] == pytest.approx(2 / 3)
    assert found["rejected"] == pytest.approx(1 / 3)


def test_nothing_is_defined_by_nothing() -> None:
    assert ClassesMeter().result()["miou"] is None
    void = ClassesMeter()
    void.add(segments([1], ("cat",), [False]), segments([1], ("cat",)), ANY)
    assert void.result()["miou"] is None
    assert void.result()["pixel_accuracy"] is None
    assert RegionsMeter().result()["giou"] is None


@given(st.integers(0, 2**32 - 1))
def test_miou_is_that_of_sets_of_pixels_however_the_legend_is_ordered(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ("a", "b", "c", "d")
    meter, other, pixels = ClassesMeter(), ClassesMeter(), {n: [0, 0] for n in names}
    for _ in range(3):
        truth, answer = rng.integers(0, 5, (2, 40))
        valid = rng.random(40) < 0.8
        meter.add(segments(truth, names, valid), segments(answer, names), ANY)
        order = rng.permutation(4)
        place = np.concatenate([[0], 1 + np.argsort(order)])
        passed = tuple(names[k] for k in order)
        other.add(segments(place[truth], passed, valid), segments(place[answer], passed), ANY)
        for k, name in enumerate(names):
            t, a = (truth == k + 1) & valid, (answer == k + 1) & valid
            pixels[name][0] += int((t & a).sum())
            pixels[name][1] += int((t | a).sum())
    ious = [both / union for both, union in pixels.values() if union]
    assert meter.result()["miou"] == pytest.approx(np.mean(ious))
    assert other.per_class() == meter.per_class()


def test_regions_by_hand() -> None:
    meter = RegionsMeter()
    names = ("left cup", "right cup")
    meter.add(segments([1, 1, 2, 2, 0], names), segments([1, 0, 2, 2, 2], names), ANY)
    meter.add(segments([0, 0, 0], ("a unicorn",)), segments([0, 0, 0], ("a unicorn",)), ANY)
    meter.add(segments([0, 0, 0], ("a dragon",)), segments([1, 0, 0], ("a dragon",)), ANY)
    found = meter.result()
    # IoUs 1/2, 2/3, 1 (empty against empty), 0
    assert found["giou"] == pytest.approx((1 / 2 + 2 / 3 + 1 + 0) / 4)
    assert found["ciou"] == pytest.approx((1 + 2 + 0 + 0) / (2 + 3 + 0 + 1))
    assert [found[f"p_{x}"] for x in (0.5, 0.6, 0.7)] == [1.0, 0.5, 0.0]
    assert (found["n_acc"], found["t_acc"], found["expressions"]) == (0.5, 1.0, 4.0)


def test_regions_merge() -> None:
    rng = np.random.default_rng(0)
    whole, first, second = RegionsMeter(), RegionsMeter(), RegionsMeter()
    for part in (first, second):
        for _ in range(3):
            truth, answer = rng.integers(0, 3, (2, 30))
            for meter in (whole, part):
                meter.add(segments(truth, ("x", "y")), segments(answer, ("x", "y")), ANY)
    first.merge(second)
    assert first.result() == pytest.approx(whole.result())


@given(st.integers(0, 2**32 - 1))
def test_void_and_perfection(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, answer, noise = rng.integers(0, 3, (3, 50))
    valid = rng.random(50) < 0.5
    for make in (ClassesMeter, RegionsMeter):
        one, other, perfect = make(), make(), make()
        label = segments(truth, ("x", "y"), valid)
        one.add(label, segments(answer, ("x", "y")), ANY)
        other.add(label, segments(np.where(valid, answer, noise), ("x", "y")), ANY)
        assert one.result() == other.result()
        perfect.add(label, segments(truth, ("x", "y")), ANY)
        best = perfect.result()
        assert best.get("miou", 1.0) in (1.0, None)
        assert best.get("giou", 1.0) == 1.0
